/**
 * The official client of fal, as npm has it, against the whole stack: real worker processes, real streams, real webhooks.
 * What passes here is its table in docs/compatibility/; `vitest -u` writes it anew.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { FalClient, QueueStatus } from '@fal-ai/client';
import { ApiError, createFalClient, ValidationError } from '@fal-ai/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTerminal } from '#core/job/job.ts';
import project from '../package.json' with { type: 'json' };
import type { Received } from './client-scene.ts';
import { countPings, openClientScene, openFaltering, openReceiver } from './client-scene.ts';
import { createRows, expectTable } from './compatibility.ts';

const longMs = 180_000;

let scene: Awaited<ReturnType<typeof openClientScene>>;
let client: FalClient;
const { row, passed } = createRows();

beforeAll(async () => {
  scene = await openClientScene('fal');
  client = clientOf(scene.key);
}, longMs);

afterAll(() => scene?.close());

const paths: Readonly<Record<string, string>> = {
  'queue.fal.run': 'queue',
  'fal.run': 'run',
  'rest.fal.ai': 'rest',
};

/** As docs/fal.md says it: the hosts of the original become paths. */
function clientOf(credentials: string, base = scene.url, fetchOf = fetch): FalClient {
  return createFalClient({
    credentials,
    fetch: fetchOf,
    requestMiddleware: async (request) => {
      const { host, pathname, search } = new URL(request.url);
      return { ...request, url: `${base}/fal/${paths[host]}${pathname}${search}` };
    },
  });
}

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const shapes = 'pilotlight/pilotlight-shapes';
const picture = { prompt: 'a red ring above a blue square', size: 256, seed: 7 };
const chat = 'pilotlight/fake-chat';
const prompt = 'one two three four';
const answer = `You said: ${prompt}`;
/** Takes about a minute. */
const slow = { prompt: 'word '.repeat(200), max_tokens: 200, step_ms: 300 };

/** Says nothing for longer than streams are silent. */
const silent = { prompt, max_tokens: 1, step_ms: 16_000 };

async function refusalOf(call: Promise<unknown>): Promise<ApiError<{ detail: unknown }>> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApiError)) throw new Error(`not refused: ${error}`);
  return error;
}

describe('run', () => {
  row('run', 'waits for its pictures, and says their seed and size', async () => {
    const { data, requestId } = await client.run(shapes, { input: picture });

    expect(requestId).toMatch(/^job_/);
    expect(data).toMatchObject({
      images: [{ content_type: 'image/png', width: 256, height: 256 }],
      seed: 7,
      timings: { inference: expect.any(Number) },
    });
    const file = await fetch(data.images[0].url);
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png']);
  });

  row('run', 'a text, by a prompt or by messages', async () => {
    const [byPrompt, byMessages] = await Promise.all([
      client.run(chat, { input: { prompt, system_prompt: 'be brief' } }),
      client.run(chat, { input: { messages: [{ role: 'user', content: prompt }] } }),
    ]);

    expect(byPrompt.data).toMatchObject({ output: answer, partial: false });
    expect(byMessages.data.output).toBe(answer);
  });

  row('run, abortSignal', 'cancels the request', async () => {
    const own = clientOf(await scene.tenantWith('hangs-up'));
    const gone = new AbortController();
    const running = own.run(chat, { input: slow, abortSignal: gone.signal });
    await scene.newestJob('hangs-up', ({ status }) => status === 'running');
    gone.abort();

    await expect(running).rejects.toThrow('abort');
    expect((await scene.newestJob('hangs-up', isTerminal)).status).toBe('canceled');
  });

  row('run', 'throws the reason of a request that failed, and sends it once', async () => {
    const own = clientOf(await scene.tenantWith('fails'));

    const error = await refusalOf(own.run(chat, { input: { prompt, fault: 'error' } }));

    expect([error.status, error.message]).toEqual([500, 'The model failed on this input.']);
    expect((await scene.ports.jobs.list('fails', { limit: 10 })).items).toHaveLength(1);
  });
});

describe('storage', () => {
  row('storage.upload', 'a picture, which inputs then name by its address', async () => {
    const file = new Blob([Buffer.from(png, 'base64')], { type: 'image/png' });

    const url = await client.storage.upload(file);
    const held = `data:image/png;base64,${png}`;
    const said = await Promise.all(
      [url, held].map(async (image) => (await client.run(chat, { input: { prompt, image } })).data.output),
    );

    expect(url).toMatch(/\/v1\/files\/file_\w{26}\/content$/);
    expect(said[0]).toMatch(/picture [0-9a-f]{12}/);
    expect(said[0]).toBe(said[1]);
  });

  row('run, a Blob in the input', 'is uploaded by the client itself', async () => {
    const image = new Blob([Buffer.from(png, 'base64')]);

    const { data } = await client.run(chat, { input: { prompt, image } });

    expect(data.output).toMatch(/picture [0-9a-f]{12}/);
  });

  row('storage.upload', 'throws what is no picture', async () => {
    const video = await refusalOf(client.storage.upload(new Blob(['x'], { type: 'video/mp4' })));
    const text = await refusalOf(client.storage.upload(new Blob(['x'], { type: 'image/png' })));

    expect([video.status, text.status]).toEqual([422, 422]);
  });
});

describe('the queue', () => {
  row('queue.submit, status, result', 'from the queue to the result', async () => {
    const submitted = await client.queue.submit(chat, { input: { prompt, step_ms: 200 } });
    const requestId = submitted.request_id;
    const statuses = new Set<string>();
    let status: QueueStatus = await client.queue.status(chat, { requestId });
    for (; status.status !== 'COMPLETED'; status = await client.queue.status(chat, { requestId })) {
      statuses.add(status.status);
    }

    expect(submitted).toMatchObject({ status: 'IN_QUEUE', queue_position: expect.any(Number) });
    expect(submitted.status_url).toBe(`${scene.url}/fal/queue/${chat}/requests/${requestId}/status`);
    expect([...statuses]).toContain('IN_PROGRESS');
    expect(status.metrics?.inference_time).toBeGreaterThan(0);
    const result = await client.queue.result(chat, { requestId });
    expect(result).toMatchObject({ requestId, data: { output: answer } });
  });

  row('queue.status', '202 until it has ended, then 200', async () => {
    const key = await scene.tenantWith('looks');
    const own = clientOf(key);
    const { request_id: id } = await own.queue.submit(chat, { input: { prompt, step_ms: 200 } });
    const look = async () => {
      const headers = { authorization: `Key ${key}` };
      return (await fetch(`${scene.url}/fal/queue/${chat}/requests/${id}/status`, { headers })).status;
    };

    expect(await look()).toBe(202);
    await scene.newestJob('looks', isTerminal);
    expect(await look()).toBe(200);
  });

  row('queue.status, logs', 'the progress', async () => {
    const id = 'pilotlight/fake';
    const { request_id: requestId } = await client.queue.submit(id, {
      input: { prompt, steps: 20, step_ms: 100 },
    });
    let said = '';
    while (said === '') {
      const status = await client.queue.status(id, { requestId, logs: true });
      if (status.status === 'COMPLETED') break;
      if (status.status === 'IN_PROGRESS') said = status.logs[0]?.message ?? '';
    }

    expect(said).toMatch(/^\d+%\|.{10}\| \d+\/20$/);
  });

  row('queue.streamStatus', 'each change of it, to the end', async () => {
    const { request_id: requestId } = await client.queue.submit(chat, { input: { prompt, step_ms: 200 } });
    const stream = await client.queue.streamStatus(chat, { requestId });
    const statuses: string[] = [];
    for await (const { status } of stream) statuses.push(status);

    expect(statuses.at(-1)).toBe('COMPLETED');
    expect(statuses).toContain('IN_PROGRESS');
    expect(await stream.done()).toMatchObject({ status: 'COMPLETED', request_id: requestId });
  });

  row('queue.submit, priority', 'low is the class batch, normal what the plan says', async () => {
    const classes: string[] = [];
    for (const priority of ['low', 'normal'] as const) {
      const own = clientOf(await scene.tenantWith(`asks-${priority}`));
      await own.queue.submit(chat, { input: { prompt }, priority });
      classes.push((await scene.newestJob(`asks-${priority}`, () => true)).class);
    }

    expect(classes).toEqual(['batch', 'interactive']);
  });

  row('queue.cancel', 'a request that runs, and again without an error', async () => {
    const own = clientOf(await scene.tenantWith('cancels'));
    const { request_id: requestId } = await own.queue.submit(chat, { input: slow });
    await scene.newestJob('cancels', ({ status }) => status === 'running');

    await own.queue.cancel(chat, { requestId });

    expect((await scene.newestJob('cancels', isTerminal)).status).toBe('canceled');
    await own.queue.cancel(chat, { requestId });
    expect((await own.queue.status(chat, { requestId })).status).toBe('COMPLETED');
    expect((await refusalOf(own.queue.result(chat, { requestId }))).message).toBe('The job was canceled.');
  });

  row('queue.result', 'again and again, with links that are new each time', async () => {
    const { request_id: requestId } = await client.queue.submit(shapes, { input: picture });
    await client.queue.subscribeToStatus(shapes, { requestId, pollInterval: 100 });

    for (const { data } of [
      await client.queue.result(shapes, { requestId }),
      await client.queue.result(shapes, { requestId }),
    ]) {
      expect((await fetch(data.images[0].url)).status).toBe(200);
    }
  });

  row(
    'startTimeout',
    'a request that could not start in time is thrown as the user’s own limit',
    async () => {
      const own = clientOf(await scene.tenantWith('expires', { running_jobs_max: 1 }));
      const { request_id: first } = await own.queue.submit(chat, { input: slow });
      await scene.newestJob('expires', ({ status }) => status === 'running');
      const { request_id: requestId } = await own.queue.submit(chat, {
        input: { prompt },
        startTimeout: 1.5,
      });
      await own.queue.subscribeToStatus(chat, { requestId });

      const error = await refusalOf(own.queue.result(chat, { requestId }));
      await own.queue.cancel(chat, { requestId: first });

      expect([error.status, error.isUserTimeout]).toEqual([504, true]);
      expect(error.message).toBe('The job did not start before its deadline.');
    },
  );
});

describe('subscribe', () => {
  row('subscribe', 'polls, tells how the request stands, and has its result', async () => {
    const seen: string[] = [];
    const { data } = await client.subscribe(chat, {
      input: { prompt, step_ms: 200 },
      pollInterval: 100,
      onQueueUpdate: ({ status }) => seen.push(status),
    });

    expect(data.output).toBe(answer);
    expect(seen.at(-1)).toBe('COMPLETED');
    expect(seen).toContain('IN_PROGRESS');
  });

  row('subscribe, mode: streaming', 'over the stream of its status', async () => {
    const { data } = await client.subscribe(chat, { input: { prompt }, mode: 'streaming' });

    expect(data.output).toBe(answer);
  });

  row('subscribe, timeout', 'cancels what takes too long', async () => {
    const own = clientOf(await scene.tenantWith('has-no-time'));

    const late = own.subscribe(chat, { input: slow, timeout: 2_000, pollInterval: 100 });

    await expect(late).rejects.toThrow('timed out');
    expect((await scene.newestJob('has-no-time', isTerminal)).status).toBe('canceled');
  });
});

describe('streams', () => {
  row('stream', 'the text so far whenever there is more of it, and the result', async () => {
    const stream = await client.stream(chat, { input: { prompt, step_ms: 250 } });
    const texts: string[] = [];
    for await (const event of stream) texts.push(event.output);

    expect(texts.length).toBeGreaterThan(2);
    for (const text of texts) expect(answer.startsWith(text)).toBe(true);
    expect(await stream.done()).toMatchObject({ output: answer, partial: false });
  });

  row('stream, queue.streamStatus', 'bear the comments of a stream that is silent', async () => {
    const { counted, fetch } = countPings();
    const patient = clientOf(scene.key, scene.url, fetch);
    const { request_id: requestId } = await patient.queue.submit(chat, { input: silent });

    const streams = await Promise.all([
      patient.stream(chat, { input: { ...silent, seed: 1 } }),
      patient.queue.streamStatus(chat, { requestId }),
    ]);

    expect(await Promise.all(streams.map((stream) => stream.done()))).toMatchObject([
      { output: 'You ', partial: false },
      { status: 'COMPLETED' },
    ]);
    expect(counted.pings).toBeGreaterThan(1);
  });

  row(
    'queue.streamStatus',
    'asked for again, tells the status as it stands, whatever was told before',
    async () => {
      const { request_id: requestId } = await client.queue.submit(chat, { input: { prompt, step_ms: 500 } });
      const first = await client.queue.streamStatus(chat, { requestId });
      for await (const _ of first) break;
      first.abort();

      const again = await client.queue.streamStatus(chat, { requestId });

      expect(await again.done()).toMatchObject({ status: 'COMPLETED', request_id: requestId });
      const ended = await client.queue.streamStatus(chat, { requestId });
      const statuses: QueueStatus['status'][] = [];
      for await (const { status } of ended) statuses.push(status);
      expect(statuses).toEqual(['COMPLETED']);
    },
  );

  row('stream', 'pictures at once', async () => {
    const stream = await client.stream(shapes, { input: picture });

    expect(await stream.done()).toMatchObject({ images: [{ width: 256 }], seed: 7 });
  });

  row('stream, abort', 'cancels the request', async () => {
    const own = clientOf(await scene.tenantWith('stops-reading'));
    const stream = await own.stream(chat, { input: slow });
    await scene.newestJob('stops-reading', ({ status }) => status === 'running');
    stream.abort();

    expect((await scene.newestJob('stops-reading', isTerminal)).status).toBe('canceled');
  });
});

describe('webhooks', () => {
  /** As the original's documentation has receivers do it. */
  async function isGenuine({ headers, body }: Received, tenantId: string): Promise<boolean> {
    const [id, user, timestamp, signature] = ['request-id', 'user-id', 'timestamp', 'signature'].map((name) =>
      String(headers[`x-fal-webhook-${name}`]),
    ) as [string, string, string, string];
    const hash = createHash('sha256').update(body).digest('hex');
    const signed = Buffer.from([id, user, timestamp, hash].join('\n'));
    const { keys } = (await (await fetch(`${scene.url}/fal/keys/${tenantId}/jwks.json`)).json()) as {
      keys: { kty: string; crv: string; x: string }[];
    };
    return keys.some((key) =>
      verify(null, signed, createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'hex')),
    );
  }

  row('webhookUrl', 'the result, signed with a key of the tenant’s JWK set', async () => {
    const receiver = await openReceiver();
    const own = clientOf(await scene.tenantWith('is-told'));
    const { request_id } = await own.queue.submit(shapes, { input: picture, webhookUrl: receiver.url });
    const [message] = await receiver.messages(1);
    receiver.close();
    if (message === undefined) throw new Error('nothing came');

    const told = JSON.parse(message.body);
    expect(told).toMatchObject({ request_id, status: 'OK', error: null, payload: { seed: 7 } });
    expect((await fetch(told.payload.images[0].url)).status).toBe(200);
    expect(await isGenuine(message, 'is-told')).toBe(true);
    expect(await isGenuine({ ...message, body: `${message.body} ` }, 'is-told')).toBe(false);
    expect(await isGenuine(message, 'another')).toBe(false);
  });

  row('webhookUrl', 'the reason of a request that failed', async () => {
    const receiver = await openReceiver();
    await client.queue.submit(chat, { input: { prompt, fault: 'error' }, webhookUrl: receiver.url });
    const [message] = await receiver.messages(1);
    receiver.close();

    const reason = 'The model failed on this input.';
    expect(JSON.parse(message?.body ?? '')).toMatchObject({
      status: 'ERROR',
      error: reason,
      payload: { detail: reason },
    });
  });
});

describe('errors', () => {
  row('ApiError', '401 for a key that is none', async () => {
    const error = await refusalOf(clientOf('none:none').run(chat, { input: { prompt } }));

    expect(error).toMatchObject({ status: 401, body: { detail: expect.any(String) } });
  });

  row('ValidationError', '422 for input that is not valid, field by field', async () => {
    const error = await refusalOf(client.queue.submit(shapes, { input: { size: 3 } }));

    expect(error).toBeInstanceOf(ValidationError);
    if (!(error instanceof ValidationError)) return;
    expect(error.status).toBe(422);
    expect(error.getFieldErrors('prompt')).toEqual([
      { loc: ['body', 'prompt'], msg: 'is required', type: 'missing' },
    ]);
    expect(error.getFieldErrors('size')).toHaveLength(1);
  });

  row('ApiError', '404 for a model and a request that are not there', async () => {
    const refused = await Promise.all([
      refusalOf(client.run('fal-ai/flux', { input: { prompt } })),
      refusalOf(client.queue.status(chat, { requestId: '80e732af-660e-45cd-bd63-580e4f2a94cc' })),
    ]);

    expect(refused.map(({ status }) => status)).toEqual([404, 404]);
  });

  row('ApiError', '400 for the result of a request that has not ended', async () => {
    const { request_id: requestId } = await client.queue.submit(chat, { input: slow });

    const error = await refusalOf(client.queue.result(chat, { requestId }));
    await client.queue.cancel(chat, { requestId });

    expect([error.status, error.message]).toEqual([400, 'Request is still in progress']);
  });

  row('retries on 429', 'waits longer each time, and gets its answer', async () => {
    const statuses: number[] = [];
    const counting: typeof fetch = async (...request) => {
      const response = await fetch(...request);
      statuses.push(response.status);
      return response;
    };
    const own = clientOf(await scene.tenantWith('one-at-a-time', { open_jobs_max: 1 }), scene.url, counting);
    const input = { prompt, step_ms: 100 };

    const results = await Promise.all([1, 2].map(() => own.run(chat, { input })));

    expect(results.map(({ data }) => data.output)).toEqual([answer, answer]);
    expect(statuses).toContain(429);
  });

  row('retries on 503', 'asks again after a second, and gets its answer', async () => {
    const faltering = await openFaltering(scene.url, 1);
    const patient = clientOf(scene.key, faltering.url);

    const { data } = await patient.subscribe(chat, { input: { prompt } });
    faltering.close();

    expect(data.output).toBe(answer);
    const [first = 0, second = 0] = faltering.askedAtMs;
    expect(second - first).toBeGreaterThan(700);
  });
});

describe('docs/compatibility/fal-npm.md', () => {
  it('is the table of what passed just now', async () => {
    await expectTable('fal-npm', `@fal-ai/client (npm) ${project.devDependencies['@fal-ai/client']}`, passed);
  });
});
