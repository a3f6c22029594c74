/**
 * A process that works at a batch is struck at every single call that it makes to the outside: it dies before or after the
 * call took effect, or is told that a call failed which did, or did not. Whatever it left, the next process ends the batch,
 * and every line has exactly one result, made by at most one job, charged at most once.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { createBatchWorld, lineOf } from '#sim/memory/batch-world.ts';
import { calls } from '#sim/world/calls.ts';
import { monthOf } from '../admission/windows.ts';
import type { BatchRecord } from '../batch/batch.ts';
import { allPages } from '../contract/scene.ts';
import { batchRunLimits, sweepLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { createBatchDesk } from './batch-desk.ts';
import type { BatchPorts } from './batch-ports.ts';
import { cancelBatch } from './batches.ts';
import { sweep } from './sweep.ts';

const strikes = ['die before', 'die after', 'fail', 'fail after it took effect'] as const;
type Strike = (typeof strikes)[number];

/** Four that run, one whose job fails, two that are none, one of them for its id. */
const file = [
  lineOf('a'),
  'not a line',
  lineOf('b', { fault: 'error' }),
  lineOf('a'),
  lineOf('c'),
  lineOf('d'),
  lineOf('e'),
];

type World = Awaited<ReturnType<typeof createBatchWorld>>;
type Method = (...args: unknown[]) => Promise<unknown>;

/**
 * The ports as one process has them, which is struck at its `at`th call, counted from 1.
 * @param pace turns that its calls take, one after the other, so that others come in between
 */
function processOf(world: World, strike: Strike, at: number, pace: readonly number[] = [0]) {
  let made = 0;
  let isDead = false;
  const dead = () => Promise.reject(new Error('the process is dead'));
  const struck = async (act: () => Promise<unknown>): Promise<unknown> => {
    if (strike === 'die before' || strike === 'die after') isDead = true;
    if (strike === 'die after' || strike === 'fail after it took effect') await act();
    throw new Error(`struck: ${strike}`);
  };
  const wrap = (port: Record<string, Method>) =>
    Object.fromEntries(
      Object.entries(port).map(([name, method]): [string, Method] => [
        name,
        async (...args) => {
          if (isDead) return dead();
          made += 1;
          const own = made;
          await turns(pace[own % pace.length] ?? 0);
          return own === at ? struck(() => method(...args)) : method(...args);
        },
      ]),
    );
  const known: Readonly<Record<string, unknown>> = { ...world };
  const wrapped = Object.keys(calls).flatMap((name) =>
    // Every port of the table that this world has is an object of methods.
    known[name] === undefined ? [] : [[name, wrap(known[name] as Record<string, Method>)] as const],
  );
  // The ports of the world, each with the methods that it had.
  const ports = { ...world, ...Object.fromEntries(wrapped) } as unknown as BatchPorts;
  return { ports, calls: () => made };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function openWorld(lines: readonly string[] = file) {
  // Two lines at a time: a batch of five jobs takes several steps.
  const world = await createBatchWorld({ tenant: sampleTenant({ overrides: { open_jobs_max: 4 } }) });
  return { world, batch: await world.addBatch(lines) };
}

async function someRounds(world: World, ports: BatchPorts, rounds = 8): Promise<void> {
  const desk = createBatchDesk();
  for (let round = 0; round < rounds; round += 1) {
    await world.round(ports, desk).catch(() => undefined);
    await world.work();
    await world.clock.advance(batchRunLimits.collectMs);
  }
}

/** By a process that nothing befalls, and the sweep that goes on beside it. */
async function endOf(world: World, batch: BatchRecord): Promise<BatchRecord> {
  await world.clock.advance(sweepLimits.everyMs + sweepLimits.graceMs);
  await sweep(world);
  const ended = await world.finish(batch);
  await sweep(world);
  return ended;
}

async function expectWhole(world: World, ended: BatchRecord, lines: number): Promise<void> {
  const outputs = await world.outputs(ended);
  const errors = await world.errors(ended);
  const results = [...outputs, ...errors];
  expect(new Set(results.map(({ id }) => id)).size).toBe(lines);
  expect(results).toHaveLength(lines);
  expect(ended).toMatchObject({
    total: lines,
    outputs: { lines: outputs.length },
    faults: { lines: errors.length },
  });
  const month = monthOf(world.clock.nowMs());
  const charges = await allPages((cursor) => world.ledger.list(world.tenant.tenantId, month, cursor));
  const succeeded = charges.filter((entry) => entry.kind === 'charge' && entry.outcome === 'succeeded');
  // What was paid for is what is told, line by line.
  expect(succeeded.map((entry) => 'jobId' in entry && entry.jobId).toSorted()).toEqual(
    outputs.map(({ response }) => response?.request_id).toSorted(),
  );
  expect(Object.keys((await world.gates.read(world.tenant.tenantId))?.open ?? {})).toEqual([]);
}

describe('a process that works at a batch', () => {
  it.each(strikes)(
    'may be struck at any call (%s), and every line has one result',
    { timeout: 120_000 },
    async (strike) => {
      const clean = await openWorld();
      const counting = processOf(clean.world, 'fail', 0);
      await someRounds(clean.world, counting.ports);
      const all = counting.calls();

      for (let at = 1; at <= all; at += 1) {
        const { world, batch } = await openWorld();
        await someRounds(world, processOf(world, strike, at).ports, 3);
        await expectWhole(world, await endOf(world, batch), 7);
      }

      expect(all).toBeGreaterThan(80);
    },
  );

  it('may be struck over and over, beside others, and be cancelled at any moment', {
    timeout: 240_000,
  }, async () => {
    const struck = fc.record({
      strike: fc.constantFrom(...strikes),
      at: fc.integer({ min: 1, max: 120 }),
      pace: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 7 }),
    });
    const story = fc.record({
      processes: fc.array(fc.array(struck, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      cancelAfter: fc.option(fc.integer({ min: 0, max: 3 })),
    });

    await fc.assert(
      fc.asyncProperty(story, async ({ processes, cancelAfter }) => {
        const { world, batch } = await openWorld();
        for (const [index, atOnce] of processes.entries()) {
          if (cancelAfter === index) await cancelBatch(world, batch.tenantId, batch.batchId);
          await Promise.all(
            atOnce.map(({ strike, at, pace }) =>
              someRounds(world, processOf(world, strike, at, pace).ports, 2),
            ),
          );
        }
        const ended = await endOf(world, batch);
        // One that is cancelled before its file was read has no lines.
        await expectWhole(world, ended, ended.startedAtMs === null ? 0 : 7);
      }),
      { ...budget(60), seed: 8 },
    );
  });
});
