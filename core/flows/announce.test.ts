import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { sweepLimits } from '../limits.ts';
import { sampleEndpoint, sampleTenant } from '../samples.ts';
import type { EndpointRecord } from '../webhook/endpoint.ts';
import { jobEvents } from '../webhook/event.ts';
import { cancel } from './cancel.ts';
import type { SubmitPorts } from './submission.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import { work } from './work.ts';

const endpoint = sampleEndpoint({ events: [...jobEvents] });

async function openWorld(tenant = sampleTenant()): Promise<FlowWorld> {
  const world = await createFlowWorld({ tenant });
  await world.endpoints.put(endpoint);
  return world;
}

async function submitJob(world: FlowWorld, ports: SubmitPorts = world, more = {}): Promise<JobRecord> {
  const outcome = await submit(ports, submission(world.tenant, more));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  // What happens next is later: the log sorts by when things happened.
  await world.clock.advance(1);
  return outcome.job;
}

async function runWorker(world: FlowWorld): Promise<void> {
  const stopping = new AbortController();
  const interrupt = new AbortController().signal;
  const ask = { workerId: 'worker_1', pool: worldPool, slots: 4, stopping: stopping.signal, interrupt };
  const working = work(world, ask);
  await world.clock.advance(10_000);
  stopping.abort();
  await world.clock.advance(1_000);
  await working;
}

async function recorded(world: FlowWorld, { tenantId, endpointId }: EndpointRecord = endpoint) {
  const { items } = await world.deliveries.list(tenantId, endpointId);
  return items.map(({ event, jobId }) => [event, jobId]).toReversed();
}

const openReservations = async (world: FlowWorld) =>
  Object.keys((await world.gates.read(world.tenant.tenantId))?.open ?? {});

describe('the events of a job', () => {
  it('are recorded as they happen', async () => {
    const world = await openWorld();

    const { jobId } = await submitJob(world);
    expect(await recorded(world)).toEqual([['job.queued', jobId]]);
    await runWorker(world);

    expect(await recorded(world)).toEqual([
      ['job.queued', jobId],
      ['job.running', jobId],
      ['job.succeeded', jobId],
    ]);
  });

  it('of one that was canceled as it waited have no running', async () => {
    const world = await openWorld();
    const { jobId } = await submitJob(world);

    await cancel(world, 'tenant-a', jobId);

    expect(await recorded(world)).toEqual([
      ['job.queued', jobId],
      ['job.canceled', jobId],
    ]);
  });

  it('of one that the result cache answered are its end alone', async () => {
    const world = await openWorld(sampleTenant({ overrides: { result_cache: 'on' } }));
    const input = { prompt: 'again', seed: 7 };
    const first = await submitJob(world, world, { input });
    await runWorker(world);

    const again = await submitJob(world, world, { input });

    expect(again.receipt?.cachedFrom).toBe(first.jobId);
    expect((await recorded(world)).filter(([, jobId]) => jobId === again.jobId)).toEqual([
      ['job.succeeded', again.jobId],
    ]);
  });

  it('are told to an endpoint that came to be while the job was open', async () => {
    const world = await createFlowWorld();
    const { jobId } = await submitJob(world);

    await world.endpoints.put(endpoint);
    await runWorker(world);

    expect(await recorded(world)).toContainEqual(['job.succeeded', jobId]);
  });

  it("never reach another tenant's endpoint", async () => {
    const world = await openWorld();
    await world.endpoints.put({ ...endpoint, tenantId: 'tenant-b' });
    await submitJob(world);
    await runWorker(world);

    expect(await recorded(world, { ...endpoint, tenantId: 'tenant-b' })).toEqual([]);
    expect(await world.deliveries.turns(Number.MAX_SAFE_INTEGER)).toMatchObject({ items: ['tenant-a'] });
  });
});

describe('a crash', () => {
  const failing = () => Promise.reject(new Error('killed'));

  it('before the job was announced as queued makes that late, not lost', async () => {
    const world = await openWorld();
    const deaf = { ...world, endpoints: { ...world.endpoints, list: failing } };

    const { jobId } = await submitJob(world, deaf);
    expect(await recorded(world)).toEqual([]);
    await cancel(world, 'tenant-a', jobId);

    expect(await recorded(world)).toEqual([
      ['job.queued', jobId],
      ['job.canceled', jobId],
    ]);
  });

  it.each(['reading the endpoints', 'recording'] as const)(
    'at %s leaves the job to be settled by the sweep, which records its end first',
    async (step) => {
      const world = await openWorld();
      const { jobId } = await submitJob(world);
      const dying = {
        ...world,
        ...(step === 'recording'
          ? { deliveries: { ...world.deliveries, put: failing } }
          : { endpoints: { ...world.endpoints, list: failing } }),
      };
      await cancel(dying, 'tenant-a', jobId);
      expect(await recorded(world)).toEqual([['job.queued', jobId]]);
      expect(await openReservations(world)).toEqual([jobId]);
      await world.clock.advance(sweepLimits.graceMs);

      expect((await sweep(world)).settled).toBe(1);

      expect(await recorded(world)).toEqual([
        ['job.queued', jobId],
        ['job.canceled', jobId],
      ]);
      expect(await openReservations(world)).toEqual([]);
    },
  );

  it('after the record, and a sweep that settles once more, record nothing twice', async () => {
    const world = await openWorld();
    const { jobId } = await submitJob(world);
    const dying = { ...world, gates: { ...world.gates, release: failing } };
    await cancel(dying, 'tenant-a', jobId);
    const before = await recorded(world);
    await world.clock.advance(sweepLimits.graceMs);

    await sweep(world);

    expect(before).toContainEqual(['job.canceled', jobId]);
    expect(await recorded(world)).toEqual(before);
    expect(await openReservations(world)).toEqual([]);
  });

  it('of the store as jobs start holds up no run', async () => {
    const world = await openWorld();
    const { jobId } = await submitJob(world);
    let lists = 0;
    const list: FlowWorld['endpoints']['list'] = async (tenantId) => {
      lists += 1;
      if (lists === 1) throw new Error('the store does not answer');
      return world.endpoints.list(tenantId);
    };

    await runWorker({ ...world, endpoints: { ...world.endpoints, list } });

    expect(world.log.events()).toContain('start.not_announced');
    expect((await world.jobs.get('tenant-a', jobId))?.status).toBe('succeeded');
    expect(await recorded(world)).toEqual([
      ['job.queued', jobId],
      ['job.running', jobId],
      ['job.succeeded', jobId],
    ]);
  });
});
