/** The official client of RunPod, as npm has it, against the whole stack. What passes here is its table in docs/compatibility/. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import runpodSdk from 'runpod-sdk';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import project from '../package.json' with { type: 'json' };
import { createRows, expectTable } from './compatibility.ts';
import { listen } from './listen.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const longMs = 180_000;
const prompt = 'one two three four';
const chat = { input: { messages: [{ role: 'user', content: prompt }] } };
const answer = `You said: ${prompt}`;
const picture = { input: { prompt: 'a red ring', size: 256, seed: 7 } };
const slow = { input: { prompt: 'a lighthouse', steps: 40, step_ms: 500 } };

let folder: string;
let platform: Platform;
const { row, passed } = createRows();

beforeAll(async () => {
  // The client prints how it waits.
  vi.spyOn(console, 'log').mockReturnValue(undefined);
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-runpod-'));
  platform = await startPlatform({
    port: 0,
    dataDir: join(folder, 'data'),
    allowLocalWebhooks: true,
    workersMin: 1,
    workersMax: 1,
    idleTimeoutMs: 5 * longMs,
  });
}, longMs);

afterAll(async () => {
  vi.restoreAllMocks();
  await platform?.close();
  rmSync(folder, { recursive: true, force: true });
});

function endpoint(model: string, key = platform.credentials.tenants.demo.key) {
  const made = runpodSdk(key, { baseUrl: `${platform.url}/runpod/v2` }).endpoint(model);
  if (made === null) throw new Error('the client has an endpoint for every name');
  return made;
}

async function ended(model: string, id: string) {
  for (;;) {
    const job = await endpoint(model).status(id);
    if (!['IN_QUEUE', 'IN_PROGRESS'].includes(job.status)) return job;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The client throws what its transport throws: an error with the answer. */
async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return Object(error).response;
}

async function keyOf(id: string, limits: object): Promise<string> {
  const headers = {
    authorization: `Bearer ${platform.credentials.admin_key}`,
    'content-type': 'application/json',
  };
  const body = JSON.stringify({ id, plan: 'vip', ...limits });
  const made = await fetch(`${platform.url}/admin/v1/tenants`, { method: 'POST', headers, body });
  return Object(await made.json()).key.secret;
}

describe('jobs', () => {
  row('runSync', 'a text, at once', async () => {
    const got = await endpoint('fake-chat').runSync(chat);

    expect(got).toMatchObject({
      status: 'COMPLETED',
      completed: true,
      succeeded: true,
      output: [{ type: 'text', text: answer, finish_reason: 'stop' }],
    });
    expect(got.executionTime).toBeGreaterThanOrEqual(0);
    expect(got.delayTime).toBeGreaterThanOrEqual(0);
  });

  row('runSync', 'a job that outlasts the first wait: the client waits on', async () => {
    const got = await endpoint('fake').runSync(
      { input: { prompt: 'a lighthouse', steps: 6, step_ms: 400 } },
      1_500,
    );

    // What the client does once its own time is over is its own; until then it asks again.
    expect(got.id).toMatch(/^job_/);
    expect((await ended('fake', got.id)).status).toBe('COMPLETED');
  });

  row('run, status', 'from the line to pictures', async () => {
    const { id, status } = await endpoint('pilotlight-shapes').run(picture);
    const got = await ended('pilotlight-shapes', id);

    expect(status).toBe('IN_QUEUE');
    expect(got).toMatchObject({
      id,
      status: 'COMPLETED',
      started: true,
      completed: true,
      succeeded: true,
      output: [{ type: 'image', width: 256, height: 256, content_type: 'image/png' }],
    });
  });

  row('run, policy', 'executionTimeout stops it, ttl bounds its wait', async () => {
    const policy = { executionTimeout: 5_000, ttl: 60_000 };
    const { id } = await endpoint('fake').run({ ...slow, policy });
    const got = await ended('fake', id);

    expect(got).toMatchObject({ status: 'TIMED_OUT', completed: true, succeeded: false });
    const [job] = (await platform.ports.jobs.list('demo', { limit: 1, model: 'fake' })).items;
    expect([job?.jobId, (job?.startByMs ?? 0) - (job?.createdAtMs ?? 0)]).toEqual([id, 60_000]);
  });

  row('run, webhook', 'is sent the answer of status', async () => {
    const seen: unknown[] = [];
    const receiver = createServer(async (request, response) => {
      seen.push(JSON.parse(await text(request)));
      response.writeHead(200).end();
    });
    const url = await listen(receiver, 0);
    const { id } = await endpoint('fake-chat').run({ ...chat, webhook: `${url}/hook` });
    await vi.waitFor(() => expect(seen).toHaveLength(1), { timeout: longMs });
    receiver.close();
    await once(receiver, 'close');

    const {
      started: _,
      completed: __,
      succeeded: ___,
      ...status
    } = Object(await endpoint('fake-chat').status(id));
    expect(seen).toEqual([status]);
    expect(status).toMatchObject({ id, status: 'COMPLETED', output: [{ text: answer }] });
  });

  row('statusSync', 'waits for the end', async () => {
    const { id } = await endpoint('fake').run({ input: { prompt: 'a lighthouse', steps: 4, step_ms: 200 } });

    expect(await endpoint('fake').statusSync(id)).toMatchObject({ id, status: 'COMPLETED', succeeded: true });
  });

  row('stream', 'text in pieces, while it is written, each once', async () => {
    const { id } = await endpoint('fake-chat').run({ input: { ...chat.input, step_ms: 300 } });
    const pieces: string[] = [];
    for await (const { output } of endpoint('fake-chat').stream(id)) pieces.push(output);

    expect(pieces.join('')).toBe(answer);
    expect(pieces.length).toBeGreaterThan(2);
  });

  row('stream', 'pictures, once they are there', async () => {
    const { id } = await endpoint('pilotlight-shapes').run({ input: { ...picture.input, n: 2 } });
    const files: unknown[] = [];
    for await (const { output } of endpoint('pilotlight-shapes').stream(id)) files.push(output);

    expect(files).toMatchObject([{ type: 'image' }, { type: 'image' }]);
  });

  row('cancel', 'one that runs', async () => {
    const { id } = await endpoint('fake').run(slow);
    await vi.waitFor(
      async () => expect((await endpoint('fake').status(id)).status).toBe('IN_PROGRESS'),
      longMs,
    );

    const got = await endpoint('fake').cancel(id);

    expect(got).toMatchObject({ id, status: 'CANCELLED' });
    expect(await ended('fake', id)).toMatchObject({ status: 'CANCELLED', completed: true, succeeded: false });
  });

  row('status', 'of a job that failed: why', async () => {
    const { id } = await endpoint('fake').run({ input: { prompt: 'a lighthouse', fault: 'error' } });

    expect(await ended('fake', id)).toMatchObject({
      status: 'FAILED',
      error: 'The model failed on this input.',
      succeeded: false,
    });
  });
});

describe('endpoints', () => {
  row('purgeQueue', 'cancels what waits, and not what runs', async () => {
    const key = await keyOf('purges', { running_jobs_max: 1 });
    const own = endpoint('fake', key);
    const jobs: { id: string }[] = [];
    for (let count = 0; count < 4; count += 1) jobs.push(await own.run(slow));
    await vi.waitFor(async () => {
      const all = await Promise.all(jobs.map(({ id }) => own.status(id)));
      expect(all.filter(({ status }) => status === 'IN_PROGRESS')).toHaveLength(1);
    }, longMs);

    const got = await own.purgeQueue();

    expect(got).toEqual({ removed: 3, status: 'completed' });
    const left = await Promise.all(jobs.map(({ id }) => own.status(id)));
    expect(left.map(({ status }) => status).toSorted()).toEqual([
      ...['CANCELLED', 'CANCELLED', 'CANCELLED'],
      'IN_PROGRESS',
    ]);
    await Promise.all(jobs.map(({ id }) => own.cancel(id)));
  });

  row('health', 'counts jobs and workers', async () => {
    const own = endpoint('fake-chat', await keyOf('counts', {}));
    await own.runSync(chat);

    // A worker says that it has nothing more to do a moment after its job has ended.
    await expect
      .poll(() => own.health(), { timeout: longMs })
      .toEqual({
        jobs: { completed: 1, failed: 0, inProgress: 0, inQueue: 0, retried: 0 },
        workers: expect.objectContaining({ idle: 1, ready: 1, running: 0, unhealthy: 0 }),
      });
  });

  row('retry', 'what failed runs once more, as a new job (no method of the client’s: its path)', async () => {
    const { id } = await endpoint('fake').run({ input: { prompt: 'a lighthouse', fault: 'error' } });
    await ended('fake', id);
    const again = async (job: string) => {
      const headers = { authorization: `Bearer ${platform.credentials.tenants.demo.key}` };
      return fetch(`${platform.url}/runpod/v2/fake/retry/${job}`, { method: 'POST', headers });
    };

    const [first, second] = [Object(await (await again(id)).json()), Object(await (await again(id)).json())];

    expect(first).toMatchObject({ id: expect.stringMatching(/^job_/), status: 'IN_QUEUE' });
    expect(first.id).not.toBe(id);
    expect(second.id).toBe(first.id);
    expect((await ended('fake', first.id)).status).toBe('FAILED');
    const { id: fine } = await endpoint('fake-chat').runSync(chat);
    expect((await again(fine)).status).toBe(409);
  });
});

describe('errors', () => {
  row('status 401', 'a key that is none', async () => {
    expect((await refusalOf(endpoint('fake', 'rpa_none').run(slow))).status).toBe(401);
  });

  row('status 400', 'names the field at fault', async () => {
    const got = await refusalOf(endpoint('fake').run({ input: { prompt: 'x', steps: 'many' } }));

    expect([got.status, got.data.error.param]).toEqual([400, 'input.steps']);
  });

  row('status 404', 'an endpoint that is no model; a job that is not there', async () => {
    const [unknown, missing] = await Promise.all([
      refusalOf(endpoint('nobody').run(slow)),
      refusalOf(endpoint('fake').status('job_00000000000000000000000000')),
    ]);

    expect([unknown.status, unknown.data.error.code]).toEqual([404, 'model_not_found']);
    expect([missing.status, missing.data.error.code]).toEqual([404, 'not_found']);
  });

  row('status 429', 'says when to come back; the client leaves that to its caller', async () => {
    const own = endpoint('fake-chat', await keyOf('asks-once', { requests_per_day: 1 }));
    await own.runSync(chat);

    const got = await refusalOf(own.run(chat));

    expect(got.status).toBe(429);
    expect(Number(got.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  row('timeout', 'a call that is given up leaves its job alone', async () => {
    const own = endpoint('fake', await keyOf('gives-up', {}));
    const { id } = await own.run(slow);
    await own.status(id, 1).catch(() => null);

    expect(['IN_QUEUE', 'IN_PROGRESS']).toContain((await own.status(id)).status);
    await own.cancel(id);
  });
});

it('is what docs/compatibility/runpod-npm.md says', async () => {
  await expectTable('runpod-npm', `runpod-sdk (npm) ${project.devDependencies['runpod-sdk']}`, passed);
});
