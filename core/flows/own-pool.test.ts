/** A tenant with `isolation: pool`: its jobs meet nobody else's, from the line to the worker. */
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { monthOf } from '../admission/windows.ts';
import type { JobRecord } from '../job/job.ts';
import { sampleTenant } from '../samples.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { knownPools } from './known-pools.ts';
import { readCosts } from './read-costs.ts';
import { scale } from './scale.ts';
import type { SubmitPorts } from './submission.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import { work } from './work.ts';

const own = `${worldPool}--companya`;
const alone = sampleTenant({ tenantId: 'companyA', overrides: { isolation: 'pool' } });

async function openWorld(): Promise<FlowWorld> {
  const world = await createFlowWorld();
  await world.tenants.create(alone);
  return world;
}

async function submitFor(world: FlowWorld, tenant: TenantRecord, ports: SubmitPorts = world) {
  const outcome = await submit(ports, submission(tenant));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}

/** Runs one worker of the pool for a while; answers the jobs that it ran. */
async function workIn(world: FlowWorld, pool: string): Promise<string[]> {
  const stopping = new AbortController();
  const before = world.runner.calls.length;
  const life = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work(world, { workerId: `worker-${pool}`, pool, slots: 4, ...life });
  await world.clock.advance(10_000);
  stopping.abort();
  await world.clock.advance(1_000);
  await done;
  return world.runner.calls.slice(before).flat();
}

describe('a tenant’s own pool', () => {
  it('holds its jobs alone, and its workers run nothing else', async () => {
    const world = await openWorld();
    const [theirs, shared] = [await submitFor(world, alone), await submitFor(world, world.tenant)];

    expect([theirs.pool, shared.pool]).toEqual([own, worldPool]);
    expect(await workIn(world, own)).toEqual([theirs.jobId]);
    expect(await workIn(world, worldPool)).toEqual([shared.jobId]);
    const read = ({ tenantId, jobId }: JobRecord) => world.jobs.get(tenantId, jobId);
    expect(await read(theirs)).toMatchObject({ status: 'succeeded', receipt: { workerId: `worker-${own}` } });
    expect(await read(shared)).toMatchObject({ status: 'succeeded' });
  });

  it('is made once, before its first job, woken by it, and lit by the scaler', async () => {
    const world = await openWorld();
    const opened: string[] = [];
    const ownPools = {
      async open(pool: string) {
        opened.push(pool);
        expect(await world.jobs.count(pool)).toMatchObject({ waiting: opened.length - 1 });
        await world.ownPools.open(pool);
      },
    };

    await submitFor(world, alone, { ...world, ownPools });
    await submitFor(world, alone, { ...world, ownPools });

    expect(opened).toEqual([own, own]);
    expect(world.woken).toEqual([own]);
    expect(await knownPools(world)).toEqual([worldPool, own]);
    expect(await scale(world, own, { workersMin: 0, workersMax: 2, idleTimeoutMs: 1_000 })).toBe(1);
    expect((await world.pools.read(worldPool)).state).toBe('cold');
  });

  it('is swept: a ticket that was lost is sent again', async () => {
    const world = await openWorld();
    const tickets = { ...world.tickets, send: () => Promise.reject(new Error('no SQS')) };
    await submitFor(world, alone, { ...world, tickets });

    expect((await sweep(world)).ticketsSent).toBe(1);

    expect(await world.tickets.depth(own)).toMatchObject({ visible: 1 });
  });

  it('has a bill of its own, at the price of the pool that it is made from', async () => {
    const world = await openWorld();
    await submitFor(world, alone);
    const startedAtMs = world.clock.nowMs();
    const endedAtMs = startedAtMs + 10_000;
    const times = { startedAtMs, phaseSinceMs: endedAtMs, reportedAtMs: endedAtMs };
    const idle = { resident: [], runningJobs: 0, busyMs: 0, loadMs: 0 };
    await world.workers.report({ workerId: 'worker-1', pool: own, phase: 'ended', ...times, ...idle });
    await world.clock.advance(10_000);

    const costs = await readCosts(world, monthOf(startedAtMs));

    const usdMicrosPerHour = world.costs.usdMicrosPerHour(worldPool);
    expect(usdMicrosPerHour).toBeGreaterThan(0);
    expect(costs).toMatchObject([
      { pool: worldPool, workers: 0, billUsdMicros: 0 },
      { pool: own, workers: 1, usdMicrosPerHour, billUsdMicros: usdMicrosPerHour / 360 },
    ]);
  });

  it('keeps its open jobs when the tenant is set back to shared', async () => {
    const world = await openWorld();
    const before = await submitFor(world, alone);
    const after = await submitFor(world, { ...alone, overrides: {} });

    expect([before.pool, after.pool]).toEqual([own, worldPool]);
    expect(await workIn(world, own)).toEqual([before.jobId]);
  });

  it('refuses the job where no pool can be made, and takes nothing from the gate', async () => {
    const { ownPools: _none, ...world } = await openWorld();

    await expect(submit(world, submission(alone))).rejects.toMatchObject({ code: 'unavailable' });

    expect(await world.gates.read(alone.tenantId)).toMatchObject({ open: {}, counters: {} });
  });
});
