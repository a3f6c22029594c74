import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, fakeManifest, submission, worldPool } from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { cancelWaiting, giveBack, jobError, waitForMemory } from '../job/transitions.ts';
import { jobLimits, workerLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { applyTransition } from './apply.ts';
import { attemptName, claimBatch } from './claim.ts';
import type { SubmitAsk } from './submission.ts';
import { submit } from './submit.ts';

const worker = { workerId: 'worker_1', pool: worldPool, resident: new Set<string>(), interactiveInARow: 0 };

describe('a claim from the line', () => {
  it('moves the virtual time of its own class and of no other', async () => {
    const world = await createFlowWorld();
    await submitJob(world, { class: 'batch' });
    const second = await submitJob(world, { class: 'batch', input: { prompt: 'another', steps: 3 } });

    await claimBatch(world, worker, []);
    const { jobs } = await claimBatch(world, worker, []);

    expect(jobs.map(({ jobId }) => jobId)).toEqual([second.jobId]);
    expect((await world.pools.read(worldPool)).virtualTimes).toEqual({ interactive: 0, batch: second.tag });
  });

  it('moves it to the lowest tag that waits, not to that of a job whose model is resident', async () => {
    const manifests = [fakeManifest, { ...fakeManifest, id: 'other-image' }];
    const world = await createFlowWorld({ manifests });
    await world.pools.advance(worldPool, 'interactive', 1_000);
    const first = await submitJob(world);
    const preferred = await submitJob(world, { model: 'other-image' });

    const resident = new Set(['other-image@1']);
    const { jobs } = await claimBatch(world, { ...worker, resident }, []);

    expect(jobs.map(({ jobId }) => jobId)).toEqual([preferred.jobId]);
    expect(first.tag).toBeLessThan(preferred.tag);
    expect((await world.pools.read(worldPool)).virtualTimes.interactive).toBe(first.tag);
  });
});

describe('a worker that is held between its look at the line and its claim', () => {
  it('starts no job that may no longer start by then: it expires', async () => {
    const world = await createFlowWorld();
    const late = await submitJob(world, { deadlineSeconds: 60 });
    const jobs: typeof world.jobs = {
      ...world.jobs,
      async line(pool, jobClass, limit) {
        const entries = await world.jobs.line(pool, jobClass, limit);
        if (jobClass === 'interactive') return entries;
        // By then the other line has been looked through.
        await new Promise(setImmediate);
        await world.clock.advance(61_000);
        return entries;
      },
    };

    const { jobs: claimed } = await claimBatch({ ...world, jobs }, worker, []);

    expect(claimed).toEqual([]);
    expect((await world.jobs.get(late.tenantId, late.jobId))?.status).toBe('expired');
  });

  it('nor one that may no longer start once it has its place among the running ones, which goes to the next', async () => {
    const world = await createFlowWorld();
    const tenant = { ...world.tenant, overrides: { running_jobs_max: 1 } };
    const late = await submitJob(world, { tenant, deadlineSeconds: 60 });
    const gates: typeof world.gates = {
      ...world.gates,
      async start(...place) {
        const outcome = await world.gates.start(...place);
        await world.clock.advance(61_000);
        return outcome;
      },
    };

    const { jobs: claimed } = await claimBatch({ ...world, gates }, worker, []);

    expect(claimed).toEqual([]);
    expect((await world.jobs.get(late.tenantId, late.jobId))?.status).toBe('expired');
    const next = await submitJob(world, { tenant });
    expect((await claimBatch(world, worker, [])).jobs.map(({ jobId }) => jobId)).toEqual([next.jobId]);
  });
});

describe('a line that lags', () => {
  it('has no worker run what it runs, also in the very millisecond in which a lease is written', async () => {
    const world = await createFlowWorld();
    await submitJob(world);
    const seen = await world.jobs.line(worldPool, 'interactive', 10);
    const [job] = (await claimBatch(world, worker, [])).jobs;
    if (job === undefined) throw new Error('nothing was claimed');
    const jobs = { ...world.jobs, line: async () => seen };

    const again = await claimBatch(
      { ...world, jobs },
      { ...worker, inHand: new Set([attemptName(job)]) },
      [],
    );

    expect(again.jobs).toEqual([]);
    // What the line says twice over would pass for the claim's own answer that got lost.
    expect((await claimBatch({ ...world, jobs }, worker, [])).jobs).toEqual([job]);
  });
});

describe('a job that waits for memory', () => {
  async function heldUp(world: FlowWorld): Promise<JobRecord> {
    await submitJob(world);
    const [job] = (await claimBatch(world, worker, [])).jobs;
    if (job === undefined) throw new Error('expected a job');
    const transition = waitForMemory(job, jobError('out_of_memory'), world.clock.nowMs());
    const held = await applyTransition(world, job, transition);
    if (held === null) throw new Error('expected it to wait');
    return held;
  }

  it('is passed over, also where a ticket names it, until its time is up', async () => {
    const world = await createFlowWorld();
    const held = await heldUp(world);
    const later = await submitJob(world, { input: { prompt: 'another', steps: 3 } });
    const ticket = {
      pool: worldPool,
      tenantId: held.tenantId,
      jobId: held.jobId,
      receipt: '',
      deliveries: 1,
    };

    const first = await claimBatch(world, worker, [ticket]);
    const second = await claimBatch(world, worker, [ticket]);
    await world.clock.advance(jobLimits.memoryWaitMs);
    const third = await claimBatch(world, worker, [ticket]);

    const ids = [first, second, third].map(({ jobs }) => jobs.map(({ jobId }) => jobId));
    expect(ids).toEqual([[later.jobId], [], [held.jobId]]);
  });

  it('hides none of those that wait behind, however many wait so', async () => {
    const world = await createFlowWorld();
    for (let count = 0; count < workerLimits.lineWindow; count += 1) await heldUp(world);
    const last = await submitJob(world);

    const { jobs } = await claimBatch(world, worker, []);

    expect(jobs.map(({ jobId }) => jobId)).toEqual([last.jobId]);
  });

  it('is canceled at once', async () => {
    const world = await createFlowWorld();
    const held = await heldUp(world);

    await applyTransition(world, held, cancelWaiting(held, world.clock.nowMs()));

    expect(await world.jobs.get(held.tenantId, held.jobId)).toMatchObject({ status: 'canceled' });
  });
});

describe('a batch', () => {
  it('takes no more of a tenant than its allotment, and others beside it', async () => {
    const tenant = sampleTenant({ overrides: { gpu_memory_gb: 0.9 } });
    const world = await createFlowWorld({ tenant });
    const other = sampleTenant({ tenantId: 'tenant-b' });
    await world.tenants.create(other);
    for (let count = 0; count < 3; count += 1) await submitJob(world);
    await submitJob(world, { tenant: other });

    const { jobs } = await claimBatch(world, worker, []);

    expect(jobs.map(({ tenantId }) => tenantId).toSorted()).toEqual(['tenant-a', 'tenant-a', 'tenant-b']);
    expect((await claimBatch(world, worker, [])).jobs).toHaveLength(1);
  });

  it('fits the card beside the weights of its model', async () => {
    const world = await createFlowWorld();
    for (let count = 0; count < 4; count += 1) await submitJob(world);

    // A tenth is kept back: 1980 MB, of which the weights take 1000 and each job 400.
    const { jobs } = await claimBatch(world, { ...worker, gpuMemoryMb: 2_200 }, []);

    expect(jobs).toHaveLength(2);
  });

  it('leaves of the card what its model keeps for adapters', async () => {
    const memory = { ...fakeManifest.memory, adapters_mb: 400 };
    const world = await createFlowWorld({ manifests: [{ ...fakeManifest, memory }] });
    for (let count = 0; count < 4; count += 1) await submitJob(world);

    const { jobs } = await claimBatch(world, { ...worker, gpuMemoryMb: 2_200 }, []);

    expect(jobs).toHaveLength(1);
  });

  it('of a tenant with a process of its own holds no job of another', async () => {
    const overrides = { isolation: 'process', gpu_memory_gb: 10 } as const;
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides }) });
    const other = sampleTenant({ tenantId: 'tenant-b', overrides });
    await world.tenants.create(other);
    for (const tenant of [world.tenant, other, world.tenant, other]) await submitJob(world, { tenant });

    const batches = [await claimBatch(world, worker, []), await claimBatch(world, worker, [])];

    const holders = batches.map(({ jobs }) => jobs.map(({ tenantId }) => tenantId).join());
    expect(holders.toSorted()).toEqual(['tenant-a,tenant-a', 'tenant-b,tenant-b']);
  });
});

describe('a tenant with a bound on running jobs', () => {
  it('is passed over while it has no place free, and others behind it are not', async () => {
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides: { running_jobs_max: 1 } }) });
    const other = sampleTenant({ tenantId: 'tenant-b' });
    await world.tenants.create(other);
    const jobs = await Promise.all(Array.from({ length: 90 }, () => submitJob(world)));
    const behind = await submitJob(world, { tenant: other, input: { prompt: 'another', steps: 3 } });
    // Its tag alone would place it at the head of the line.
    await world.jobs.apply(other.tenantId, behind.jobId, lineGuard, { tag: Number.MAX_SAFE_INTEGER });

    const first = await claimBatch(world, worker, []);
    const second = await claimBatch(world, worker, []);
    const third = await claimBatch(world, worker, []);

    expect(first.jobs.map(({ jobId }) => jobId)).toEqual([jobs[0]?.jobId]);
    expect(second.jobs.map(({ jobId }) => jobId)).toEqual([behind.jobId]);
    expect(third.jobs).toEqual([]);
  });

  it('does not hide others of its class behind it where the other class has work', async () => {
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides: { running_jobs_max: 1 } }) });
    const other = sampleTenant({ tenantId: 'tenant-b' });
    await world.tenants.create(other);
    await Promise.all(Array.from({ length: 90 }, () => submitJob(world)));
    await submitJob(world, { tenant: other, class: 'batch' });
    const behind = await submitJob(world, { tenant: other, input: { prompt: 'another', steps: 3 } });
    await world.jobs.apply(other.tenantId, behind.jobId, lineGuard, { tag: Number.MAX_SAFE_INTEGER });
    const [first] = (await claimBatch(world, worker, [])).jobs;

    const { jobs } = await claimBatch(world, worker, []);

    expect(first?.tenantId).toBe('tenant-a');
    expect(jobs.map(({ jobId }) => jobId)).toEqual([behind.jobId]);
  });

  it('costs a gate write for each of its claims, and none for those of others', async () => {
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides: { running_jobs_max: 1 } }) });
    const other = sampleTenant({ tenantId: 'tenant-b' });
    await world.tenants.create(other);
    const started: string[] = [];
    const start: FlowWorld['gates']['start'] = (tenantId, jobId, ...rest) => {
      started.push(tenantId);
      return world.gates.start(tenantId, jobId, ...rest);
    };
    for (const tenant of [world.tenant, world.tenant, world.tenant, other, other]) {
      await submitJob(world, { tenant });
    }

    const { jobs } = await claimBatch({ ...world, gates: { ...world.gates, start } }, worker, []);

    expect(jobs.map(({ tenantId }) => tenantId).toSorted()).toEqual(['tenant-a', 'tenant-b', 'tenant-b']);
    expect(started).toEqual(['tenant-a']);
  });

  it('has its place free again after the job was given back', async () => {
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides: { running_jobs_max: 1 } }) });
    await submitJob(world);
    await submitJob(world);
    const [first] = (await claimBatch(world, worker, [])).jobs;
    if (first === undefined) throw new Error('nothing was claimed');

    await applyTransition(world, first, giveBack(first));

    const again = await claimBatch(world, worker, []);
    expect(again.jobs.map(({ jobId }) => jobId)).toEqual([first.jobId]);
  });

  it('loses nothing to a worker that died between taking the place and the claim', async () => {
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides: { running_jobs_max: 1 } }) });
    await submitJob(world);
    const later = await submitJob(world);
    await world.gates.start(later.tenantId, later.jobId, 1, 1);

    const { jobs } = await claimBatch(world, worker, []);

    expect(jobs.map(({ jobId }) => jobId)).toEqual([later.jobId]);
  });

  it('keeps the place of a job whose worker fell silent for whoever takes it over', async () => {
    const world = await createFlowWorld({ tenant: sampleTenant({ overrides: { running_jobs_max: 1 } }) });
    const job = await submitJob(world);
    await submitJob(world);
    await claimBatch(world, worker, []);
    await world.clock.advance(jobLimits.leaseMs + 1);
    const held = { ...job, receipt: 'r', deliveries: 2 };

    const { jobs } = await claimBatch(world, { ...worker, workerId: 'worker_2' }, [held]);

    expect(jobs.map(({ jobId, attempt }) => [jobId, attempt])).toEqual([[job.jobId, 2]]);
    expect((await claimBatch(world, worker, [])).jobs).toEqual([]);
  });
});

const lineGuard = { attempt: 0, place: 'line' } as const;

async function submitJob(world: FlowWorld, more: Partial<SubmitAsk> = {}): Promise<JobRecord> {
  const outcome = await submit(world, submission(world.tenant, more));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}
