import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { claim, renew } from '../job/transitions.ts';
import { jobLimits, sweepLimits } from '../limits.ts';
import type { SubmitPorts } from './submission.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';

async function submitJob(world: FlowWorld, ports: SubmitPorts = world, more = {}) {
  const outcome = await submit(ports, submission(world.tenant, more));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}

const openReservations = async (world: FlowWorld) =>
  Object.keys((await world.gates.read(world.tenant.tenantId))?.open ?? {});

describe('the sweep', () => {
  it('sends the ticket that a submission could not send, and only that one', async () => {
    const world = await createFlowWorld();
    const deaf = { ...world.tickets, send: () => Promise.reject(new Error('no SQS')) };
    await submitJob(world, { ...world, tickets: deaf });
    await submitJob(world);

    expect((await sweep(world)).ticketsSent).toBe(1);
    expect((await sweep(world)).ticketsSent).toBe(0);
    expect((await world.tickets.depth(worldPool)).visible).toBe(2);
  });

  it('releases the reservation of a submission that died before it created its job', async () => {
    const world = await createFlowWorld();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, submission(world.tenant))).rejects.toThrow('killed');
    expect(await openReservations(world)).toHaveLength(1);

    expect((await sweep(world)).released).toBe(0);
    await world.clock.advance(sweepLimits.graceMs);

    expect((await sweep(world)).released).toBe(1);
    const gate = await world.gates.read(world.tenant.tenantId);
    expect(gate?.open).toEqual({});
    expect(gate?.counters['budget_usd_micros_per_month@203003']).toBe(0);
  });

  it('lets no submission create its job any more whose reservation it releases', async () => {
    const world = await createFlowWorld();
    const held: typeof world.jobs = {
      ...world.jobs,
      async create(job) {
        await world.clock.advance(sweepLimits.graceMs);
        await sweep(world);
        return world.jobs.create(job);
      },
    };

    const outcome = await submit({ ...world, jobs: held }, submission(world.tenant));

    expect(outcome).toEqual({ kind: 'too_late' });
    expect((await world.gates.read('tenant-a'))?.open).toEqual({});
    expect(await world.jobs.count(worldPool)).toEqual({ waiting: 0, leased: 0 });
    expect((await submit(world, submission(world.tenant))).kind).toBe('accepted');
  });

  it('releases what a submission left whose clock was an hour ahead, without waiting that hour', async () => {
    const world = await createFlowWorld();
    const ahead = { ...world.clock, nowMs: () => world.clock.nowMs() + 3_600_000 };
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, clock: ahead, jobs: dying }, submission(world.tenant))).rejects.toThrow(
      'killed',
    );

    expect((await sweep(world)).released).toBe(1);
    expect(await openReservations(world)).toEqual([]);
  });

  it('settles a job whose worker died between its last two writes', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    await world.jobs.apply(
      job.tenantId,
      job.jobId,
      { attempt: 0, place: 'line' },
      { status: 'expired', place: { kind: 'done' }, finishedAtMs: world.clock.nowMs(), costUsdMicros: 0 },
    );
    await world.clock.advance(sweepLimits.graceMs);

    expect((await sweep(world)).settled).toBe(1);
    expect((await sweep(world)).settled).toBe(0);
    expect(await openReservations(world)).toEqual([]);
    expect((await world.ledger.list(job.tenantId, '203003')).items).toHaveLength(1);
  });

  it('leaves the reservation of a job that still waits', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    await world.clock.advance(10 * sweepLimits.graceMs);

    await sweep(world);

    expect(await openReservations(world)).toEqual([job.jobId]);
  });

  it('lets jobs expire that no worker ever looked at', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, world, { deadlineSeconds: 60 });
    await world.clock.advance(61_000);

    expect((await sweep(world)).expired).toBe(1);
    expect((await world.jobs.get(job.tenantId, job.jobId))?.status).toBe('expired');
    expect(await openReservations(world)).toEqual([]);
  });

  it('forgets a gate that has come to rest', async () => {
    const world = await createFlowWorld();
    await submitJob(world, world, { deadlineSeconds: 1 });
    await world.clock.advance(2_000);

    await sweep(world);
    await sweep(world);

    expect((await world.gates.listOpen()).items).toEqual([]);
  });

  it('shortens a lease that a clock a day ahead has taken, and its worker, if it lives, goes on', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    await world.clock.advance(sweepLimits.graceMs);
    const aheadMs = world.clock.nowMs() + 24 * 60 * 60 * 1000;
    const { guard, patch } = claim(job, 'worker-ahead', aheadMs);
    await world.jobs.apply(job.tenantId, job.jobId, guard, patch);

    await sweep(world);

    const held = await world.jobs.get(job.tenantId, job.jobId);
    const endsAtMs = world.clock.nowMs() + jobLimits.leaseMs;
    expect(held).toMatchObject({ attempt: 1, place: { workerId: 'worker-ahead', expiresAtMs: endsAtMs } });
    expect(await world.jobs.lapsed(worldPool, endsAtMs + 1, 10)).toHaveLength(1);
    const renewal = renew(held ?? job, 'worker-ahead', world.clock.nowMs(), null);
    const renewed = await world.jobs.apply(job.tenantId, job.jobId, renewal.guard, renewal.patch);
    expect(renewed.kind).toBe('applied');
  });

  it('leaves a lease of a clock that is ten minutes from its own', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    await world.clock.advance(sweepLimits.graceMs);
    const { guard, patch } = claim(job, 'worker-ahead', world.clock.nowMs() + jobLimits.leaseAheadMsMax);
    await world.jobs.apply(job.tenantId, job.jobId, guard, patch);
    const before = await world.jobs.get(job.tenantId, job.jobId);

    await sweep(world);

    expect(await world.jobs.get(job.tenantId, job.jobId)).toEqual(before);
  });

  it('is not kept from the others by a gate that it cannot read', async () => {
    const world = await createFlowWorld();
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, submission(world.tenant))).rejects.toThrow('killed');
    await world.clock.advance(sweepLimits.graceMs);
    const gates: typeof world.gates = {
      ...world.gates,
      listOpen: async () => ({ items: ['tenant-broken', world.tenant.tenantId], cursor: null }),
      read: (tenantId) =>
        tenantId === 'tenant-broken' ? Promise.reject(new Error('unreadable')) : world.gates.read(tenantId),
    };

    expect((await sweep({ ...world, gates })).released).toBe(1);
  });

  it('is not kept from the others by a reservation that it cannot sweep', async () => {
    const world = await createFlowWorld();
    const broken = await submitJob(world);
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    await expect(submit({ ...world, jobs: dying }, submission(world.tenant))).rejects.toThrow('killed');
    await world.clock.advance(sweepLimits.graceMs);
    const unreadable: typeof world.jobs = {
      ...world.jobs,
      get: (tenantId, jobId, how) =>
        jobId === broken.jobId
          ? Promise.reject(new Error('unreadable'))
          : world.jobs.get(tenantId, jobId, how),
    };

    const report = await sweep({ ...world, jobs: unreadable });

    expect(report.released).toBe(1);
    expect(await openReservations(world)).toEqual([broken.jobId]);
  });
});
