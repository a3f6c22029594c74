/** What an operator types, on the whole platform: embedded stores, real worker processes, restarts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureIo } from '../cli/captured-io.ts';
import { main } from '../cli/main.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const pollMs = 60_000;
const longMs = 180_000;

let cwd: string;
let platform: Platform;

const start = () =>
  startPlatform({
    port: 0,
    dataDir: join(cwd, '.pilotlight'),
    workersMin: 0,
    workersMax: 2,
    idleTimeoutMs: 2_000,
  });

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pilotlight-orders-'));
  platform = await start();
});

afterAll(async () => {
  await platform.close();
  await rm(cwd, { recursive: true });
});

async function json(...args: readonly string[]): Promise<ReturnType<typeof JSON.parse>> {
  const io = captureIo({ cwd });
  const code = await main([...args, '--json'], io);
  if (code !== 0) throw new Error(io.stderr());
  return JSON.parse(io.stdout());
}

const submit = (...args: readonly string[]) =>
  json('generate', 'a lighthouse', '--model', 'fake', '--no-wait', ...args);
const pool = async () => json('pools', 'show', 'fake');
const job = async ({ id }: { id: string }) => json('jobs', 'show', id);
const workers = async () => (await json('fleet', '--pool', 'fake')).data;
const workerOf = async ({ id }: { id: string }) =>
  (await platform.ports.jobs.get('demo', id, { consistent: true }))?.receipt?.workerId;

async function ended(submitted: { id: string }) {
  await expect.poll(async () => (await job(submitted)).status, { timeout: pollMs }).toBe('succeeded');
  return job(submitted);
}

describe('pools', () => {
  it(
    'that are paused keep their jobs, and run them when resumed',
    async () => {
      await json('pools', 'pause', 'fake');

      const waiting = await submit();
      expect(waiting.wait).toMatchObject({ reason: 'paused', eta: null });
      expect(await workers()).toEqual([]);
      await json('pools', 'resume', 'fake');

      expect(await ended(waiting)).toMatchObject({ attempts: 1 });
      expect(await workers()).toHaveLength(1);
    },
    longMs,
  );

  it(
    'that are drained end what runs, and start what waits on workers of their own time',
    async () => {
      const running = await submit('--steps', '30', '--set', 'step_ms=100');
      await expect.poll(async () => (await job(running)).status, { timeout: pollMs }).toBe('running');

      expect((await json('pools', 'drain', 'fake')).draining_since).not.toBeNull();
      const waiting = await submit();

      expect([await ended(running), await ended(waiting)]).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
      expect(await workerOf(waiting)).not.toBe(await workerOf(running));
      expect((await pool()).draining_since).toBeNull();
    },
    longMs,
  );

  it(
    'that are prewarmed have workers without work, and go cold after that',
    async () => {
      const asked = await json('pools', 'prewarm', 'fake', '--workers', '5', '--for', '4s');
      expect(asked.prewarm.workers).toBe(2);

      await expect.poll(async () => (await workers()).length, { timeout: pollMs }).toBe(2);
      await expect.poll(async () => (await pool()).state, { timeout: pollMs }).toBe('cold');
      expect((await pool()).workers).toEqual({ desired: 0, running: 0, max: 2 });
    },
    longMs,
  );
});

describe('a tenant with a pool of its own', () => {
  it(
    'is served there, also after a restart',
    async () => {
      const { key } = await json('tenants', 'add', 'companyA', '--plan', 'pro', '--set', 'isolation=pool');
      const own = async () => {
        const { id } = await submit('--key', key.secret);
        await expect
          .poll(async () => (await json('jobs', 'show', id, '--key', key.secret)).status, { timeout: pollMs })
          .toBe('succeeded');
        return (await platform.ports.jobs.get('companyA', id))?.pool;
      };

      expect(await own()).toBe('fake--companya');
      await platform.close();
      platform = await start();

      expect(await own()).toBe('fake--companya');
      expect((await json('pools', 'list')).data.map(({ id }: { id: string }) => id)).toContain(
        'fake--companya',
      );
    },
    longMs,
  );
});
