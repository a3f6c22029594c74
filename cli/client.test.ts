import { describe, expect, it } from 'vitest';
import { presentJob } from '#core/api/job-resource.ts';
import { sampleJob, sampleWait } from '#core/samples.ts';
import type { ClientOptions } from './client.ts';
import { createClient } from './client.ts';
import type { Script } from './scripted-api.ts';
import { refusal, startScriptedApi } from './scripted-api.ts';

const job = presentJob(sampleJob(), sampleWait());
const submission = { body: { model: 'demo-image', input: { prompt: 'a red ring' } } };

describe('calls', () => {
  it('sends the key and gives the parsed answer', async () => {
    await using world = await setUp(() => ({ status: 200, body: job }));

    const { body } = await world.client.call('getJob', { params: { id: job.id }, query: { wait: 1 } });

    expect(body).toEqual(job);
    expect(world.requests).toMatchObject([
      {
        method: 'GET',
        path: `/v1/jobs/${job.id}`,
        query: { wait: '1' },
        headers: { authorization: 'Bearer k' },
      },
    ]);
  });

  it('keeps the path of the address, such as the stage of an API Gateway', async () => {
    await using world = await setUp(() => ({ status: 200, body: { object: 'list', data: [] } }), {
      under: '/prod/',
    });

    await world.client.call('listModels', {});

    expect(world.requests[0]?.path).toBe('/prod/v1/models');
  });

  it('does not let an id leave its place in the path', async () => {
    await using world = await setUp(() => refusal('not_found'));

    await world.client.call('getJob', { params: { id: '../models?x=1' } }).catch(() => undefined);

    expect(world.requests[0]).toMatchObject({ path: '/v1/jobs/..%2Fmodels%3Fx%3D1', query: {} });
  });

  it('leaves out fields that a newer API has added, but keeps them in the raw body', async () => {
    const newer = { ...job, colour: 'red', receipt: null, wait: { ...job.wait, mood: 'calm' } };
    await using world = await setUp(() => ({ status: 200, body: JSON.stringify(newer) }));

    const { body, json } = await world.client.call('getJob', { params: { id: job.id } });

    expect(body).toEqual(job);
    expect(json).toEqual(newer);
  });

  it('refuses an answer of another shape', async () => {
    await using world = await setUp(() => ({ status: 200, body: '{"hello":"world"}' }));

    await expect(world.client.call('listModels', {})).rejects.toMatchObject({
      code: 'unexpected_answer',
      exitCode: 4,
    });
  });
});

describe('refusals', () => {
  it('carry the code, the request id, every detail and exit code 3', async () => {
    const details = [{ path: 'input.steps', message: 'must be at most 16' }];
    await using world = await setUp(() => refusal('invalid_request', { details }));

    await expect(world.client.call('submitJob', submission)).rejects.toMatchObject({
      code: 'invalid_request',
      requestId: 'req_test',
      exitCode: 3,
      details,
    });
  });

  it('of a proxy in between are told by status', async () => {
    await using world = await setUp(() => ({ status: 403, body: '<html>Forbidden</html>' }));

    await expect(world.client.call('listModels', {})).rejects.toMatchObject({
      code: 'http_403',
      message: 'The API answered 403.',
      exitCode: 3,
    });
  });
});

describe('repetition', () => {
  it('waits as long as Retry-After says', async () => {
    let asked = 0;
    await using world = await setUp(() => {
      asked += 1;
      return asked === 1 ? refusal('unavailable', { retryAfterSeconds: 2 }) : { status: 200, body: job };
    });

    await world.client.call('getJob', { params: { id: job.id } });

    expect(world.sleptMs).toEqual([2_000]);
  });

  it('sends one Idempotency-Key with every try of a submission', async () => {
    let asked = 0;
    await using world = await setUp(() => {
      asked += 1;
      return asked < 3 ? refusal('internal') : { status: 202, body: job };
    });

    await world.client.call('submitJob', submission);

    const keys = world.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('does not happen when the wait would be long: the person is told instead', async () => {
    await using world = await setUp(() => refusal('quota_exceeded', { retryAfterSeconds: 3_600 }));

    await expect(world.client.call('submitJob', submission)).rejects.toThrow(/Try again in 3600 s/);
    expect(world.requests).toHaveLength(1);
  });

  it('does not happen for a request that cannot succeed', async () => {
    await using world = await setUp(() => refusal('model_not_found'));

    await expect(world.client.call('submitJob', submission)).rejects.toMatchObject({ exitCode: 3 });
    expect(world.requests).toHaveLength(1);
  });

  it('ends after four tries with exit code 4', async () => {
    await using world = await setUp(() => refusal('unavailable'));

    await expect(world.client.call('listModels', {})).rejects.toMatchObject({ exitCode: 4 });
    expect(world.requests).toHaveLength(4);
    expect(world.sleptMs).toEqual([150, 300, 600]);
  });

  it('tells what ended the first try when the others only met that try', async () => {
    let asked = 0;
    await using world = await setUp(() => {
      asked += 1;
      return refusal(asked === 1 ? 'internal' : 'idempotency_in_flight');
    });

    await expect(world.client.call('submitJob', submission)).rejects.toMatchObject({ code: 'internal' });
  });

  it('ends when the user interrupts', async () => {
    const interrupt = new AbortController();
    await using world = await setUp(
      () => {
        interrupt.abort();
        return null;
      },
      { interrupted: interrupt.signal },
    );

    await expect(world.client.call('listModels', {})).rejects.toMatchObject({ exitCode: 130 });
  });
});

describe('the network', () => {
  it('names the address that cannot be reached', async () => {
    const world = await setUp(() => null);
    await world[Symbol.asyncDispose]();

    await expect(world.client.call('listModels', {})).rejects.toMatchObject({
      message: expect.stringMatching(/^cannot reach http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/),
      exitCode: 4,
    });
  });

  it('is given up on after the time-out', async () => {
    await using world = await setUp(() => null, { timeoutMs: 20 });

    await expect(world.client.call('listModels', {})).rejects.toThrow(/no answer in 0.02 s/);
  });

  it('never carries the key to where results are stored', async () => {
    await using world = await setUp(() => ({ status: 200, body: new Uint8Array([1, 2, 3]) }));

    const bytes = await world.client.download(`${world.url}/bucket/out.png`);

    expect(bytes).toEqual(new Uint8Array([1, 2, 3]));
    expect(world.requests[0]?.headers.authorization).toBeUndefined();
  });
});

async function setUp(script: Script, overrides: Partial<ClientOptions> & { under?: string } = {}) {
  const api = await startScriptedApi(script);
  const sleptMs: number[] = [];
  const client = createClient({
    url: `${api.url}${overrides.under ?? ''}`,
    key: 'k',
    timeoutMs: 10_000,
    interrupted: new AbortController().signal,
    version: '0.0.0',
    random: () => 0,
    async sleep(ms) {
      sleptMs.push(ms);
    },
    ...overrides,
  });
  return { ...api, client, sleptMs };
}
