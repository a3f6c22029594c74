import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { Operation, WriteLineOptions } from './write-line.ts';
import { createWriteLine } from './write-line.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-line-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = (key: string): Operation => ({ type: 'put', key, value: {} });
const full = new Error('IO error: No space left on device');

/** A store in memory, and a clock whose sleeps end when the test says. */
function setUp(more: Partial<WriteLineOptions> = {}) {
  const batches: string[][] = [];
  const awake = Promise.withResolvers<void>();
  const log = createRecordingLog();
  const line = createWriteLine({
    folder,
    log,
    clock: { nowMs: () => 0, sleep: (_, signal) => Promise.race([awake.promise, aborted(signal)]) },
    store: async (operations) => void batches.push(operations.map(({ key }) => key)),
    reopen: async () => undefined,
    ...more,
  });
  return { line, batches, wake: awake.resolve, events: log.events };
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
}

describe('a line of writes', () => {
  it('stores in order, and what comes meanwhile together', async () => {
    const { line, batches } = setUp();

    await Promise.all(['a', 'b', 'c'].map((key) => line.write([put(key)])));
    await line.write([put('d')]);

    expect(batches).toEqual([['a', 'b', 'c'], ['d']]);
    await line.close();
  });

  it('takes nothing after a failed write until the store was opened anew, though it would go', async () => {
    let isFull = true;
    let reopened = 0;
    const stored: string[] = [];
    const { line, wake, events } = setUp({
      store: async (operations) => {
        if (isFull) throw full;
        stored.push(...operations.map(({ key }) => key));
      },
      reopen: async () => {
        reopened += 1;
      },
    });

    await expect(line.write([put('a')])).rejects.toBe(full);
    isFull = false;
    await expect(line.write([put('b')])).rejects.toBe(full);
    wake();
    await expect
      .poll(() =>
        line.write([put('c')]).then(
          () => 'stored',
          () => 'refused',
        ),
      )
      .toBe('stored');

    expect({ stored, reopened }).toEqual({ stored: ['c'], reopened: 1 });
    expect(events()).toEqual(['store.write_failed', 'store.writes_again']);
    expect(await readdir(folder)).toEqual([]);
    await line.close();
  });

  it('goes on trying when the store does not open, and ends when it is closed', async () => {
    let tries = 0;
    const { line, wake, events } = setUp({
      store: () => Promise.reject(full),
      reopen: async () => {
        tries += 1;
        if (tries < 3) throw new Error('cannot be opened');
      },
    });

    await expect(line.write([put('a')])).rejects.toBe(full);
    wake();
    await expect.poll(() => tries).toBe(3);
    await line.close();

    expect(events().filter((event) => event === 'store.not_reopened')).toHaveLength(2);
  });
});
