/** Webhooks on the whole platform: embedded stores, a worker process, the guarded adapter, a receiver that listens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSignedBy } from '#sim/world/verify-message.ts';
import { captureIo } from '../cli/captured-io.ts';
import { main } from '../cli/main.ts';
import { listen } from './listen.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

interface Message {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

const received: Message[] = [];
/** What the receiver answers to the next message of `job.queued`; 204 once that is used up, and to every other. */
const answers: number[] = [];
const receiver = createServer(async (request, response) => {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  );
  const body = await text(request);
  received.push({ headers, body });
  response.writeHead((JSON.parse(body).type === 'job.queued' && answers.shift()) || 204).end();
});

let cwd: string;
let url: string;
let platform: Platform;

const start = (allowLocalWebhooks = true) =>
  startPlatform({
    port: 0,
    dataDir: join(cwd, '.pilotlight'),
    workersMin: 0,
    workersMax: 1,
    idleTimeoutMs: 2_000,
    allowLocalWebhooks,
  });

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pilotlight-webhooks-'));
  url = `${await listen(receiver, 0)}/hook`;
  platform = await start();
});

afterAll(async () => {
  await platform.close();
  receiver.close();
  await rm(cwd, { recursive: true });
});

async function cli(...args: readonly string[]) {
  const io = captureIo({ cwd });
  const code = await main(args, io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

async function json(...args: readonly string[]): Promise<ReturnType<typeof JSON.parse>> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const typesOf = (jobId: string) =>
  received.map(({ body }) => JSON.parse(body)).flatMap(({ type, data }) => (data.id === jobId ? [type] : []));
const believed = (secret: string, message: Message | undefined) =>
  message !== undefined && isSignedBy(secret, message, Date.now());

describe('webhooks on a laptop', () => {
  let secret = '';
  let id = '';

  it('are made and tested by the command line', async () => {
    const made = await json('webhooks', 'add', url, '--event', 'job.queued', '--event', 'job.succeeded');
    ({ id, secret } = made);

    await json('webhooks', 'test', id);

    await expect.poll(() => received.length, { timeout: 60_000 }).toBe(1);
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({ type: 'endpoint.test', data: { id } });
    expect(believed(secret, received[0])).toBe(true);
  });

  it('tell of a job from its queueing to its end, each once, over a receiver that fails first', async () => {
    received.length = 0;
    answers.push(500);

    const job = await json('generate', 'a lighthouse', '--model', 'fake', '--no-wait');

    await expect
      .poll(() => typesOf(job.id).toSorted(), { timeout: 60_000 })
      .toEqual(['job.queued', 'job.queued', 'job.succeeded']);
    expect(received.every((message) => believed(secret, message))).toBe(true);
    const ids = received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(2);
    const { data } = await json('webhooks', 'deliveries', id);
    expect(data).toMatchObject([
      { event: 'job.succeeded', status: 'delivered' },
      { event: 'job.queued', status: 'delivered', tries: [{ status: 500 }, { status: 204 }] },
      { event: 'endpoint.test', status: 'delivered' },
    ]);
  }, 40_000);

  it('go on with the same secrets after a restart, from where they were', async () => {
    received.length = 0;
    answers.push(503);
    const job = await json('generate', 'a lighthouse', '--model', 'fake', '--no-wait');
    await expect.poll(() => typesOf(job.id), { timeout: 60_000 }).toContain('job.queued');

    await platform.close();
    platform = await start();

    await expect
      .poll(() => typesOf(job.id).toSorted(), { timeout: 60_000 })
      .toEqual(['job.queued', 'job.queued', 'job.succeeded']);
    expect(received.every((message) => believed(secret, message))).toBe(true);
  }, 60_000);

  it('are replayed and removed by the command line', async () => {
    received.length = 0;
    const { data } = await json('webhooks', 'deliveries', id);

    await json('webhooks', 'replay', id, data[0].id);
    await expect.poll(() => received.length, { timeout: 60_000 }).toBe(1);
    await json('webhooks', 'remove', id);

    expect(received[0]?.headers['webhook-id']).toBe(data[0].id);
    expect((await json('webhooks', 'list')).data).toEqual([]);
  });

  it('go nowhere on this machine unless its operator said so', async () => {
    await json('webhooks', 'add', url);
    received.length = 0;
    await platform.close();
    platform = await start(false);

    const { code, stderr } = await cli('webhooks', 'add', url);
    const job = await json('generate', 'a lighthouse', '--model', 'fake', '--no-wait');

    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('scheme') });
    const [webhook] = (await json('webhooks', 'list')).data;
    const log = async () => (await json('webhooks', 'deliveries', webhook.id)).data;
    await expect
      .poll(log, { timeout: 60_000, interval: 500 })
      .toMatchObject([{ job: job.id, status: 'failed', reason: 'refused', tries: [{ error: 'scheme' }] }]);
    expect(received).toEqual([]);
  }, 60_000);
});
