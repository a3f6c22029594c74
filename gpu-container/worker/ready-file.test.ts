import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { workerLimits } from '#core/limits.ts';
import { healthOf, keepReady, writeReady } from './ready-file.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-ready-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

it('a worker is well while its ready file is young, silent when it is not, and not ready without one', async () => {
  const path = join(await openFolder(), 'deep', 'ready.json');
  const before = await healthOf(path, 1_000);

  await writeReady(path, { at_ms: 1_000, pool: 'demo', worker_id: 'worker_1' });

  expect(before).toBe('not_ready');
  expect(await healthOf(path, 1_000 + workerLimits.silentMs - 1)).toBe('serving');
  expect(await healthOf(path, 1_000 + workerLimits.silentMs)).toBe('silent');
});

it('a file that is none says that a worker is not ready', async () => {
  const path = join(await openFolder(), 'ready.json');
  await writeFile(path, '{"at_ms":"now"}');

  expect(await healthOf(path, 1_000)).toBe('not_ready');
});

it('a ready file is written anew at each interval, and goes when the worker stops', async () => {
  const path = join(await openFolder(), 'ready.json');
  const stopping = new AbortController();
  const times: unknown[] = [];
  let nowMs = 0;
  const clock = {
    nowMs: () => nowMs,
    async sleep(ms: number) {
      times.push(JSON.parse(await readFile(path, 'utf8')).at_ms);
      nowMs += ms;
      if (times.length === 3) stopping.abort();
    },
  };

  await keepReady({ clock, log: silent }, path, { pool: 'demo', workerId: 'worker_1' }, stopping.signal);

  expect(times).toEqual([0, workerLimits.reportMs, 2 * workerLimits.reportMs]);
  expect(await healthOf(path, nowMs)).toBe('not_ready');
});

it('a ready file that cannot be written stops no worker', async () => {
  const path = join(await openFolder(), 'ready.json');
  await writeFile(path, '');
  const stopping = new AbortController();
  const warned: string[] = [];
  const log = { ...silent, warn: (event: string) => void warned.push(event) };
  const clock = { nowMs: () => 0, sleep: async () => stopping.abort() };

  await keepReady(
    { clock, log },
    join(path, 'below-a-file'),
    { pool: 'demo', workerId: 'worker_1' },
    stopping.signal,
  ).catch(() => undefined);

  expect(warned).toEqual(['worker.ready_file_failed']);
});
