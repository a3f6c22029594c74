/** Over real runner processes: whose process runs what, and what makes way for what. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import type { Log, LogFields } from '#core/ports/process.ts';
import type { RunBatch, RunItem, RunNeeds, RunOutcome } from '#core/ports/runner.ts';
import { openHost } from '../runner-host/host-under-test.ts';
import { RunnerClient } from './runner-client.ts';
import type { RunnerPoolOptions } from './runner-pool.ts';
import { RunnerPool } from './runner-pool.ts';

const shared: RunNeeds = { peakMb: 0, tenantId: null, memoryMaxMb: null };
/** Far above what a runner of the fake engine takes. */
const own = (tenantId: string, memoryMaxMb = 2_000, peakMb = 0): RunNeeds => ({
  tenantId,
  memoryMaxMb,
  peakMb,
});
const ignore = { onProgress: () => undefined };

async function setUp(options: Partial<RunnerPoolOptions> = {}) {
  const scratchRoot = await mkdtemp(join(tmpdir(), 'pl-'));
  const logged: { readonly event: string; readonly fields: LogFields }[] = [];
  const write = (event: string, fields: LogFields = {}) => void logged.push({ event, fields });
  const log: Log = { info: write, warn: write, error: write };
  const host = await openHost('local', { log, modelsDir: scratchRoot, scratchRoot });
  const pool = new RunnerPool({
    createClient: (memoryMaxMb) =>
      new RunnerClient({
        host,
        engine: 'fake',
        modelsDir: scratchRoot,
        clock: systemClock,
        log,
        memoryMaxMb: memoryMaxMb ?? undefined,
        memoryWatchMs: 20,
      }),
    residentMb: () => 1_000,
    ...options,
  });
  onTestFinished(async () => {
    await pool.close();
    await rm(scratchRoot, { recursive: true, force: true });
  });
  return { pool, logged, scratchRoot };
}

let batches = 0;

function batchOf(needs: RunNeeds, params: RunItem['params'] = {}, model = 'fake'): RunBatch {
  batches += 1;
  const items = [{ id: `item_${batches}`, params }];
  return { batchId: `batch_${batches}`, model, revision: '1', items, needs };
}

async function outcomeOf(pool: RunnerPool, batch: RunBatch): Promise<RunOutcome | undefined> {
  const [outcome] = (await pool.run(batch, ignore)).values();
  return outcome;
}

describe('tenants with a process of their own', () => {
  it('have processes and scratch folders of their own, and the others share one', async () => {
    const { pool, scratchRoot } = await setUp();

    for (const needs of [shared, own('a'), own('b'), shared, own('a')]) {
      expect(await outcomeOf(pool, batchOf(needs))).toMatchObject({ kind: 'succeeded' });
    }

    const pids = pool.processIds();
    expect([...pids.keys()]).toEqual([null, 'a', 'b']);
    expect(new Set(pids.values()).size).toBe(3);
    expect(await readdir(scratchRoot)).toHaveLength(3);
    if (process.platform === 'linux') {
      // A runner works in its scratch folder.
      const folders = await Promise.all([...pids.values()].map((pid) => readlink(`/proc/${pid}/cwd`)));
      expect(new Set(folders).size).toBe(3);
    }
  });

  it('leave nothing in the scratch folder when their process ends', async () => {
    const { pool, scratchRoot } = await setUp();
    await outcomeOf(pool, batchOf(own('a'), { n: 2 }));
    const [folder = ''] = await readdir(scratchRoot);

    await pool.close();

    expect(folder).not.toBe('');
    expect(existsSync(join(scratchRoot, folder))).toBe(false);
  });

  it('are named beside their resident models', async () => {
    const { pool } = await setUp();

    await pool.load('fake', '1', shared);
    await pool.load('fake', '1', own('a'));

    expect([...pool.resident()]).toEqual(['fake@1', 'fake@1/a']);
  });

  it('get a new process when their cap was changed', async () => {
    const { pool } = await setUp();
    await pool.load('fake', '1', own('a', 2_000));
    const before = pool.processIds().get('a');

    await pool.load('fake', '1', own('a', 3_000));

    expect(pool.processIds().get('a')).not.toBe(before);
    expect(pool.processIds().size).toBe(1);
  });
});

describe('a runner that grows past its cap', () => {
  it('is killed, and the job of its tenant alone fails for it', async () => {
    const { pool, logged } = await setUp();
    await pool.load('fake', '1', shared);
    await pool.load('fake', '1', own('b'));
    const before = new Map(pool.processIds());
    const capMb = 400;

    const grown = await outcomeOf(pool, batchOf(own('a', capMb), { fault: 'grow', steps: 30, step_ms: 40 }));
    const others = [await outcomeOf(pool, batchOf(own('b'))), await outcomeOf(pool, batchOf(shared))];

    expect(grown).toMatchObject({ kind: 'failed', code: 'out_of_memory', retryable: false });
    expect(others).toMatchObject([{ kind: 'succeeded' }, { kind: 'succeeded' }]);
    expect(pool.processIds()).toEqual(before);
    const killed = logged.filter(({ event }) => event === 'runner.killed').map(({ fields }) => fields.reason);
    expect(killed).toEqual([expect.stringContaining(`its cap is ${capMb} MB`)]);
  });

  it('is started anew for the next job of its tenant', async () => {
    const { pool } = await setUp();
    await outcomeOf(pool, batchOf(own('a', 400), { fault: 'grow', steps: 30, step_ms: 40 }));

    expect(await outcomeOf(pool, batchOf(own('a', 400)))).toMatchObject({ kind: 'succeeded' });
  });

  it('cannot load where the process alone is above the cap', async () => {
    const { pool } = await setUp();

    expect(await pool.load('fake', '1', own('a', 1))).toEqual({ kind: 'failed', code: 'out_of_memory' });
  });
});

describe('a card of known memory', () => {
  // 3,000 MB of it may be planned into, and every model takes 1,000.
  const gpuMemoryMb = 3_334;

  it('holds what is used, and puts out what was least recently used to make room', async () => {
    const { pool } = await setUp({ gpuMemoryMb });
    await pool.load('fake', '1', shared);
    await pool.load('fake-b', '1', shared);
    await pool.load('fake-c', '1', shared);
    await outcomeOf(pool, batchOf(shared));

    await pool.load('fake-d', '1', shared);
    const afterLoad = [...pool.resident()];
    await outcomeOf(pool, batchOf({ ...shared, peakMb: 1_500 }));

    expect(afterLoad).toEqual(['fake-c@1', 'fake@1', 'fake-d@1']);
    expect([...pool.resident()]).toEqual(['fake@1']);
  });

  it("ends a process of a tenant's own as a whole", async () => {
    const { pool } = await setUp({ gpuMemoryMb });
    await pool.load('fake', '1', own('a'));
    await pool.load('fake', '1', own('b'));
    await pool.load('fake', '1', own('c'));

    await pool.load('fake', '1', shared);

    expect([...pool.processIds().keys()]).toEqual(['b', 'c', null]);
  });
});

describe('a card of unknown memory', () => {
  it('has no more processes of tenants than allowed, and the idlest ends', async () => {
    const { pool } = await setUp({ ownRunnersMax: 2 });
    await pool.load('fake', '1', own('a'));
    await pool.load('fake', '1', own('b'));
    await outcomeOf(pool, batchOf(own('a')));

    await pool.load('fake', '1', own('c'));

    expect([...pool.processIds().keys()]).toEqual(['a', 'c']);
  });
});

describe('a runner pool', () => {
  it('remembers a cancel that came before the batch reached its runner', async () => {
    const { pool } = await setUp();
    const batch = batchOf(own('a'));
    const outcomes = pool.run(batch, ignore);

    pool.cancel(batch.items[0]?.id ?? '');

    expect([...(await outcomes).values()]).toMatchObject([{ kind: 'canceled' }]);
  });

  it('that is closed starts nothing more', async () => {
    const { pool } = await setUp();
    await pool.load('fake', '1', shared);
    await pool.close();

    expect(await pool.load('fake', '1', own('a'))).toEqual({ kind: 'failed', code: 'worker_lost' });
    expect(await pool.load('fake', '1', shared)).toEqual({ kind: 'failed', code: 'worker_lost' });
    expect(pool.processIds().size).toBe(0);
  });
});
