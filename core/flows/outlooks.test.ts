import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { claim } from '../job/transitions.ts';
import { etaLimits } from '../limits.ts';
import { sampleJob, sampleWorker } from '../samples.ts';
import { createOutlooks, tellStart } from './outlooks.ts';
import { submit } from './submit.ts';

async function accepted(world: FlowWorld): Promise<JobRecord> {
  const outcome = await submit(world, submission(world.tenant));
  if (outcome.kind !== 'accepted') throw new Error(`the submission was ${outcome.kind}`);
  return outcome.job;
}

/** The world's jobs, with its reads of lines counted. */
function counting(world: FlowWorld) {
  const reads: string[] = [];
  const jobs: FlowWorld['jobs'] = {
    ...world.jobs,
    line: (pool, jobClass, limit) => {
      reads.push(`${pool}#${jobClass}`);
      return world.jobs.line(pool, jobClass, limit);
    },
  };
  return { reads, jobs };
}

describe('a look at a pool', () => {
  it('serves for a second, and knows of the jobs that the process admitted meanwhile', async () => {
    const world = await createFlowWorld();
    const { reads, jobs } = counting(world);
    const outlooks = createOutlooks({ ...world, jobs });

    const places = [];
    for (let job = 0; job < 3; job += 1) {
      const record = await accepted({ ...world, jobs, outlooks });
      places.push((await outlooks.of(worldPool)).placeOf(lineEntryOf(record), world.clock.nowMs()).ahead);
    }
    expect(places).toEqual([0, 1, 2]);
    expect(reads).toHaveLength(2);

    await world.clock.advance(etaLimits.lookMs);
    await outlooks.of(worldPool);
    expect(reads).toHaveLength(4);
  });

  it('that failed is not kept', async () => {
    const world = await createFlowWorld();
    let isDown = true;
    const workers: FlowWorld['workers'] = {
      ...world.workers,
      list: (...ask) => (isDown ? Promise.reject(new Error('down')) : world.workers.list(...ask)),
    };
    const outlooks = createOutlooks({ ...world, workers });

    await expect(outlooks.of(worldPool)).rejects.toThrow('down');
    isDown = false;

    expect((await outlooks.of(worldPool)).reason).toBe('starting_worker');
  });

  it('sees leases that have long to go, and only workers that are there and take work', async () => {
    const world = await createFlowWorld();
    const job = await accepted(world);
    const { guard, patch } = claim(lineEntryOf(job), 'worker-1', world.clock.nowMs());
    await world.jobs.apply(job.tenantId, job.jobId, guard, patch);
    const reportedAtMs = world.clock.nowMs();
    for (const [index, phase] of (['serving', 'draining', 'ended'] as const).entries()) {
      await world.workers.report(
        sampleWorker({ workerId: `w${index}`, pool: worldPool, phase, reportedAtMs }),
      );
    }

    const { seen } = await createOutlooks(world).of(worldPool);

    expect(seen.leased).toMatchObject([{ jobId: job.jobId, workerId: 'worker-1' }]);
    expect(seen.workers.map(({ phase }) => phase)).toEqual(['serving']);
  });

  it('counts on nobody who drains, and on no start while the pool is paused', async () => {
    const world = await createFlowWorld();
    const nowMs = world.clock.nowMs();
    await world.pools.move(worldPool, ['cold'], 'warm', nowMs);
    await world.workers.report(sampleWorker({ pool: worldPool, reportedAtMs: nowMs }));
    await world.pools.order(worldPool, { kind: 'drain', atMs: nowMs });
    const job = sampleJob({ pool: worldPool });

    const draining = await createOutlooks(world).of(worldPool);
    await world.pools.order(worldPool, { kind: 'pause', atMs: nowMs });
    const paused = createOutlooks(world);

    expect([draining.reason, (await paused.of(worldPool)).reason]).toEqual(['starting_worker', 'paused']);
    expect(draining.placeOf(lineEntryOf(job), nowMs).start.kind).toBe('cold');
    expect(await tellStart({ ...world, outlooks: paused }, job)).toBeNull();
  });

  it('ends at a bound, and says of a job behind it only what it knows', async () => {
    const world = await createFlowWorld();
    for (let count = 0; count <= etaLimits.lineWindow + 1; count += 1) {
      const jobId = `job_${String(count).padStart(26, '0')}`;
      await world.jobs.create(sampleJob({ jobId, pool: worldPool, tag: 1_000 + count * 200_000 }));
    }
    const last = sampleJob({ jobId: 'job_z', pool: worldPool, tag: 400_000_000 });

    const outlook = await createOutlooks(world).of(worldPool);

    expect(outlook.placeOf(lineEntryOf(last), world.clock.nowMs())).toMatchObject({
      ahead: etaLimits.lineWindow,
      isExact: false,
    });
  });
});

describe('what a job is told', () => {
  it('is nothing when the pool cannot be looked at, and that is logged', async () => {
    const world = await createFlowWorld();
    const jobs = { ...world.jobs, line: () => Promise.reject(new Error('down')) };
    const outlooks = createOutlooks({ ...world, jobs });

    const told = await tellStart({ ...world, outlooks }, sampleJob({ pool: worldPool }));

    expect(told).toBeNull();
    expect(world.log.lines.at(-1)).toMatchObject({ event: 'submit.start_untold' });
  });
});
