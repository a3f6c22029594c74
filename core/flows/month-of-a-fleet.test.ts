/** A month of a fleet through the flows that run it: its jobs' charges, its workers' own words, and its close. */
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { createMemoryRunner } from '#sim/memory/memory-runner.ts';
import type { LedgerEntry } from '../billing/ledger.ts';
import { balanceOf } from '../billing/ledger.ts';
import { gpuCostUsdMicros } from '../billing/price.ts';
import { costLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { closeMonth } from './close-month.ts';
import { refund } from './refund.ts';
import { startReports } from './report.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import { work } from './work.ts';

const month = '203003';
const tenantIds = ['tenant-a', 'tenant-b', 'tenant-c'];
const second = 1_000;

describe('a month of a fleet', () => {
  it('has a ledger that meets its instance bill to the micro-USD', async () => {
    const world = await createWorld();
    const lives = [
      await runWorker(world, 'worker_1', tenantIds),
      await runWorker(world, 'worker_2', ['tenant-b']),
    ];
    // A worker that waited for work that never came.
    lives.push(await runWorker(world, 'worker_3', []));
    await settleAll(world);

    const outcome = await closeMonth(world, month);

    const entries = await entriesOf(world);
    const bill = gpuCostUsdMicros(
      lives.reduce((sum, ms) => sum + ms, 0),
      world.costs.usdMicrosPerHour(worldPool),
    );
    expect(outcome).toMatchObject({
      statements: [{ workers: 3, tenants: 3, billUsdMicros: bill, loadedMs: 2_000, operatorUsdMicros: 0 }],
    });
    expect(balanceOf(entries)).toBe(bill);
    expect(entries.filter(({ kind }) => kind === 'share')).toHaveLength(3);
    expect(entries.filter(({ kind }) => kind === 'charge').length).toBeGreaterThan(20);
    expect(Math.min(...entries.map(({ usdMicros }) => usdMicros))).toBeGreaterThanOrEqual(0);
  });

  it('falls below its bill by refunds and by nothing else', async () => {
    const world = await createWorld();
    const livedMs = await runWorker(world, 'worker_1', tenantIds);
    await settleAll(world);
    const [charge] = (await entriesOf(world)).filter(({ usdMicros }) => usdMicros > 0);
    if (charge?.kind !== 'charge') throw new Error('somebody was charged');
    await refund(world, { ...charge, usdMicros: null, reason: 'late' });

    await closeMonth(world, month);

    const bill = gpuCostUsdMicros(livedMs, world.costs.usdMicrosPerHour(worldPool));
    expect(balanceOf(await entriesOf(world))).toBe(bill - charge.usdMicros);
  });
});

async function createWorld(): Promise<FlowWorld> {
  const world = await createFlowWorld({ tenant: sampleTenant({ tenantId: 'tenant-a', plan: 'vip' }) });
  for (const tenantId of ['tenant-b', 'tenant-c']) {
    await world.tenants.create(sampleTenant({ tenantId, plan: 'vip' }));
  }
  return world;
}

/** A worker's whole life: jobs of these tenants, ones that fail among them, then idle time. Gives how long it was. */
async function runWorker(world: FlowWorld, workerId: string, of: readonly string[]): Promise<number> {
  const startedAtMs = world.clock.nowMs();
  const reports = startReports(world, { workerId, pool: worldPool });
  const runner = reports.watch(createMemoryRunner({ clock: world.clock, loadMs: second }));
  const stopping = new AbortController();
  const ask = { workerId, pool: worldPool, slots: 4, stopping: stopping.signal, interrupt: stopping.signal };
  reports.serving();
  const working = work({ ...world, runner }, ask);
  for (const [at, tenantId] of of.entries()) {
    for (let index = 0; index < 9; index += 1) {
      const input = {
        prompt: 'a lighthouse',
        steps: 1 + ((index * 7 + at) % 5),
        step_ms: 130 + at * 17,
        ...(index === 4 ? { fault: 'error' } : {}),
      };
      const outcome = await submit(world, submission(sampleTenant({ tenantId, plan: 'vip' }), { input }));
      expect(outcome.kind).toBe('accepted');
    }
  }
  await world.clock.advance(97 * second + 13);
  stopping.abort();
  await Promise.all([working, world.clock.advance(second)]);
  await reports.end();
  return world.clock.nowMs() - startedAtMs;
}

/** On to the day when the month may be closed. */
async function settleAll(world: FlowWorld): Promise<void> {
  await sweep(world);
  await world.clock.advance(14.5 * 24 * 3_600 * second + costLimits.closeAfterMs);
}

async function entriesOf(world: FlowWorld): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (const tenantId of tenantIds) {
    let cursor: string | undefined;
    do {
      const page = await world.ledger.list(tenantId, month, cursor);
      entries.push(...page.items);
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
  }
  return entries;
}
