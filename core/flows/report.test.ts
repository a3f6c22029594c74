import { describe, expect, it } from 'vitest';
import { createFlowWorld, fakeManifest, worldPool } from '#sim/memory/flow-world.ts';
import { workerLimits } from '../limits.ts';
import type { RunBatch } from '../ports/runner.ts';
import type { WorkerRecord } from '../scaling/worker-record.ts';
import { isAlive } from '../scaling/worker-record.ts';
import { startReports } from './report.ts';

const workerId = 'worker_1';
const { id: model, revision } = fakeManifest;

describe('the reports of a worker', () => {
  it('tell its life in phases, with what it holds and the time it spent', async () => {
    const { world, reports, seen } = await start();
    const runner = reports.watch(world.runner);

    await world.clock.advance(10);
    expect(await seen()).toMatchObject({ phase: 'starting', resident: [], loadMs: 0 });

    reports.serving();
    const load = runner.load(model, revision);
    await world.clock.advance(500);
    expect(await seen()).toMatchObject({ phase: 'loading' });
    await world.clock.advance(500);
    await load;
    expect(await seen()).toMatchObject({
      phase: 'serving',
      phaseSinceMs: world.clock.nowMs(),
      resident: [`${model}@${revision}`],
      loadMs: 1_000,
    });

    reports.draining();
    await world.clock.advance(1);
    expect(await seen()).toMatchObject({ phase: 'draining' });
    await reports.end();
    expect(await seen()).toMatchObject({ phase: 'ended' });
  });

  it('count no time backwards when the clock jumps back under a load and a call', async () => {
    const { world, reports, seen, jump } = await start();
    const runner = reports.watch(world.runner);
    const load = runner.load(model, revision);
    jump(-60_000);
    await world.clock.advance(1_000);
    await load;

    await reports.end();

    expect(await seen()).toMatchObject({ loadMs: 0, busyMs: 0 });
  });

  it('count the jobs that run, and the time in calls once they ended', async () => {
    const { world, reports, seen } = await start();
    const runner = reports.watch(world.runner);
    await Promise.all([runner.load(model, revision), world.clock.advance(1_000)]);
    const batch: RunBatch = {
      batchId: 'batch_1',
      model,
      revision,
      items: ['a', 'b'].map((id) => ({ id, params: { prompt: id, steps: 100, step_ms: 200 } })),
    };

    const run = runner.run(batch, { onProgress: () => undefined });
    await world.clock.advance(workerLimits.reportMs);
    expect(await seen()).toMatchObject({ runningJobs: 2, busyMs: 0 });
    await world.clock.advance(4 * workerLimits.reportMs);
    await run;

    const { runningJobs, busyMs } = await seen();
    expect(runningJobs).toBe(0);
    expect(busyMs).toBeGreaterThanOrEqual(20_000);
  });

  it('come often enough for a living worker to count as alive, and no more once it is silent', async () => {
    const { world, reports, seen } = await start();
    reports.serving();

    for (let look = 0; look < 20; look += 1) {
      await world.clock.advance(workerLimits.reportMs / 2);
      expect(isAlive(await seen(), world.clock.nowMs())).toBe(true);
    }
    const { reportedAtMs } = await seen();

    expect(isAlive(await seen(), reportedAtMs + workerLimits.silentMs)).toBe(true);
    expect(isAlive(await seen(), reportedAtMs + workerLimits.silentMs + 1)).toBe(false);
    await reports.end();
    expect(isAlive(await seen(), world.clock.nowMs())).toBe(false);
  });

  it('go on after a store that failed, and tell of it', async () => {
    const world = await createFlowWorld();
    let isDown = true;
    const workers = {
      ...world.workers,
      report: (worker: WorkerRecord) =>
        isDown ? Promise.reject(new Error('out of reach')) : world.workers.report(worker),
    };
    startReports({ ...world, workers }, { workerId, pool: worldPool });

    await world.clock.advance(workerLimits.reportMs - 1);
    expect((await world.workers.list(worldPool, 0)).items).toEqual([]);
    isDown = false;
    await world.clock.advance(workerLimits.reportMs);

    expect((await world.workers.list(worldPool, 0)).items).toMatchObject([{ workerId }]);
    expect(world.log.events()).toContain('worker.not_reported');
  });

  it('stop with the end', async () => {
    const { world, reports, seen } = await start();
    await reports.end();
    const last = await seen();

    await world.clock.advance(10 * workerLimits.reportMs);

    expect(await seen()).toEqual(last);
  });
});

async function start() {
  const world = await createFlowWorld();
  let offsetMs = 0;
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + offsetMs };
  const reports = startReports({ ...world, clock }, { workerId, pool: worldPool });
  const jump = (ms: number) => {
    offsetMs += ms;
  };
  const seen = async (): Promise<WorkerRecord> => {
    const [worker] = (await world.workers.list(worldPool, 0)).items;
    if (worker === undefined) throw new Error('the worker was not heard of');
    return worker;
  };
  return { world, reports, seen, jump };
}
