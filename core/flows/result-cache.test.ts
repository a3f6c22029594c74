/** Hits and misses of the result cache over the whole path: submit, run, settle, sweep. */
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { monthOf } from '../admission/windows.ts';
import { balanceOf } from '../billing/ledger.ts';
import type { JobRecord } from '../job/job.ts';
import { filesKeptUntilMs, keptUntilMs } from '../job/job.ts';
import { sweepLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { SubmitAsk, SubmitOutcome, SubmitPorts } from './submission.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import { work } from './work.ts';

const input = { prompt: 'a lighthouse', seed: 7 };
const second = 1_000;

function worldOf(overrides: TenantRecord['overrides'] = {}): Promise<FlowWorld> {
  return createFlowWorld({ tenant: sampleTenant({ overrides: { result_cache: 'on', ...overrides } }) });
}

function ask(
  world: FlowWorld,
  change: Partial<SubmitAsk> = {},
  ports: SubmitPorts = world,
): Promise<SubmitOutcome> {
  return submit(ports, submission(world.tenant, { input, ...change }));
}

async function accepted(...asked: Parameters<typeof ask>): Promise<JobRecord> {
  const outcome = await ask(...asked);
  if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
  return outcome.job;
}

async function stored(world: FlowWorld, { tenantId, jobId }: JobRecord): Promise<JobRecord | null> {
  return world.jobs.get(tenantId, jobId, { consistent: true });
}

/** Submits and runs to the end; leaves no worker behind. */
async function made(world: FlowWorld, change: Partial<SubmitAsk> = {}): Promise<JobRecord> {
  const job = await accepted(world, change);
  const stopping = new AbortController();
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work(world, { workerId: 'worker_1', pool: worldPool, slots: 4, ...signals });
  await world.clock.advance(5 * second);
  stopping.abort();
  await world.clock.advance(30 * second);
  await done;
  const ended = await stored(world, job);
  if (ended?.status !== 'succeeded') throw new Error(`the job is ${ended?.status}`);
  return ended;
}

const ledger = async (world: FlowWorld) =>
  (await world.ledger.list(world.tenant.tenantId, monthOf(world.clock.nowMs()))).items;

const chargesOf = async (world: FlowWorld, jobId: string | undefined) =>
  (await ledger(world)).filter((entry) => entry.kind === 'charge' && entry.jobId === jobId);

/** As a job would whose results take so much. */
async function fill(world: FlowWorld, bytes: number): Promise<void> {
  const job = await accepted(world, { input: { prompt: 'a lighthouse', seed: 8 } });
  const bucket = String(Math.ceil((world.clock.nowMs() + job.retentionMs) / (24 * 3_600 * second)));
  await world.gates.release(job.tenantId, job.jobId, {
    token: job.reservation,
    corrections: [],
    finishTag: null,
    stored: { bucket, bytes },
  });
}

const openReservations = async (world: FlowWorld) =>
  Object.keys((await world.gates.read(world.tenant.tenantId))?.open ?? {});

describe('a hit', () => {
  it('is had at storage_gb_max too, since it stores nothing, and asks for no tokens', async () => {
    const world = await worldOf({ storage_gb_max: 0.000_001, tokens_per_minute: 10 });
    await made(world);
    await fill(world, 1_000);

    const hit = await accepted(world);
    const other = await ask(world, { input: { prompt: 'a harbour' } });

    expect(hit).toMatchObject({ status: 'succeeded', attempt: 0 });
    expect(other).toMatchObject({ kind: 'refused', refusal: { limit: 'storage_gb_max' } });
    const { counters = {}, stored: kept = {} } = (await world.gates.read(world.tenant.tenantId)) ?? {};
    const tokens = Object.entries(counters).filter(([name]) => name.startsWith('tokens_per_minute@'));
    expect(tokens.map(([, used]) => used)).toEqual([2, 2]);
    expect(Object.keys(kept)).toHaveLength(1);
  });

  it('is a job that has ended well at once, with the files of the first, at no cost and without a run', async () => {
    const world = await worldOf();
    const first = await made(world);
    const woken = world.woken.length;

    const hit = await accepted(world);

    expect(hit).toMatchObject({
      status: 'succeeded',
      place: { kind: 'done' },
      attempt: 0,
      outputs: first.outputs,
      costUsdMicros: 0,
      usage: { gpuMs: 0, images: 0 },
      receipt: { ...first.receipt, cachedFrom: first.jobId },
    });
    expect(hit.jobId).not.toBe(first.jobId);
    expect(await stored(world, hit)).toEqual(hit);
    expect(world.runner.calls).toHaveLength(1);
    expect(world.woken).toHaveLength(woken);
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
    expect(await world.jobs.count(worldPool)).toEqual({ waiting: 0, leased: 0 });
  });

  it('settles at once: an entry of nothing in the ledger, no reservation, no budget and no GPU time', async () => {
    const world = await worldOf({ gpu_seconds_per_month: 10 });
    const first = await made(world);
    const before = await world.gates.read('tenant-a');

    const hit = await accepted(world);

    expect(await chargesOf(world, hit.jobId)).toMatchObject([
      { outcome: 'succeeded', usdMicros: 0, gpuMs: 0, images: 0, weightedImages: 0, bytesStored: 0 },
    ]);
    expect(balanceOf(await ledger(world))).toBe(first.costUsdMicros);
    expect(await openReservations(world)).toEqual([]);
    const after = await world.gates.read('tenant-a');
    expect(after?.finishTags).toEqual(before?.finishTags);
    for (const [name, used] of Object.entries(before?.counters ?? {})) {
      if (name.includes('month')) expect(after?.counters[name]).toBe(used);
    }
  });

  it('has the files of the first for as long as they are kept, and its record for its own time', async () => {
    const world = await worldOf({ retention_days: 2 });
    const first = await made(world);
    await world.clock.advance(12 * 3_600 * second);

    const hit = await accepted(world);

    expect(filesKeptUntilMs(hit)).toBe(keptUntilMs(first));
    expect(keptUntilMs(hit)).toBeGreaterThan(keptUntilMs(first) ?? Number.POSITIVE_INFINITY);
  });

  it('counts as a request, not as images, and is refused with the others', async () => {
    const world = await worldOf({ requests_per_minute: 3, images_per_minute: 1 });
    await made(world);

    await accepted(world);
    await accepted(world);
    await accepted(world);

    expect(await ask(world)).toMatchObject({ kind: 'refused', refusal: { limit: 'requests_per_minute' } });
  });

  it('needs a free place as any request, and gives it back at once', async () => {
    const world = await worldOf({ open_jobs_max: 1 });
    await made(world);

    await accepted(world);
    await accepted(world);
    await accepted(world, { input: { ...input, seed: 8 } });

    expect(await ask(world)).toMatchObject({ kind: 'refused', refusal: { limit: 'open_jobs_max' } });
  });

  it('is answered again under its Idempotency-Key, and is a mismatch for another body', async () => {
    const world = await worldOf();
    await made(world);
    const idempotencyKey = 'order-17';
    const hit = await accepted(world, { idempotencyKey });

    expect(await ask(world, { idempotencyKey })).toMatchObject({
      kind: 'replayed',
      job: { jobId: hit.jobId },
    });
    expect((await ask(world, { idempotencyKey, cache: false })).kind).toBe('mismatch');
    expect(await chargesOf(world, hit.jobId)).toHaveLength(1);
  });

  it('is one job under one Idempotency-Key, however many ask at once', async () => {
    const world = await worldOf();
    await made(world);

    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => ask(world, { idempotencyKey: 'order-17' })),
    );

    const jobs = outcomes.flatMap((outcome) => ('job' in outcome ? [outcome.job.jobId] : []));
    expect(new Set(jobs).size).toBe(1);
    expect(await openReservations(world)).toEqual([]);
    expect(await chargesOf(world, jobs[0])).toHaveLength(1);
  });

  it('that died before it settled is settled by the sweep', async () => {
    const world = await worldOf();
    await made(world);
    const broken = { ...world.ledger, append: () => Promise.reject(new Error('killed')) };

    const hit = await accepted(world, {}, { ...world, ledger: broken });
    expect(await openReservations(world)).toEqual([hit.jobId]);
    expect(world.log.events()).toContain('submit.left_to_sweep');
    await world.clock.advance(sweepLimits.graceMs);
    await sweep(world);

    expect(await openReservations(world)).toEqual([]);
    expect(await chargesOf(world, hit.jobId)).toHaveLength(1);
  });

  it('that died before it was created holds nothing, and a retry finishes it', async () => {
    const world = await worldOf();
    const first = await made(world);
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    const idempotencyKey = 'order-17';
    await expect(ask(world, { idempotencyKey }, { ...world, jobs: dying })).rejects.toThrow('killed');

    const retry = await ask(world, { idempotencyKey });

    expect(retry).toMatchObject({ kind: 'replayed', job: { receipt: { cachedFrom: first.jobId } } });
    expect(await openReservations(world)).toEqual([]);
  });

  it('that died and is gone from the cache by the retry takes no GPU at the price of nothing', async () => {
    const world = await worldOf({ result_cache_seconds: 60 });
    await made(world);
    const dying = { ...world.jobs, create: () => Promise.reject(new Error('killed')) };
    const idempotencyKey = 'order-17';
    await expect(ask(world, { idempotencyKey }, { ...world, jobs: dying })).rejects.toThrow('killed');
    await world.clock.advance(40 * second);

    expect((await ask(world, { idempotencyKey })).kind).toBe('in_flight');
    await world.clock.advance(sweepLimits.graceMs);
    await sweep(world);
    expect(await ask(world, { idempotencyKey })).toMatchObject({
      kind: 'accepted',
      job: { status: 'queued' },
    });
  });
});

describe('a miss', () => {
  it.each([
    ['another seed', { input: { ...input, seed: 8 } }],
    ['another prompt', { input: { ...input, prompt: 'a light house' } }],
    ['another size', { input: { ...input, size: 256 } }],
    ['no seed', { input: { prompt: 'a lighthouse' } }],
    ['a request that wants none', { cache: false }],
  ])('is %s', async (_title, change) => {
    const world = await worldOf();
    await made(world);

    expect((await accepted(world, change)).status).toBe('queued');
  });

  it('is another revision of the model', async () => {
    const world = await worldOf();
    await made(world);
    const [model] = world.catalog.list();
    if (model === undefined) throw new Error('the world has a model');
    const next = { ...model, manifest: { ...model.manifest, revision: '2' } };

    const job = await accepted(world, {}, { ...world, catalog: { ...world.catalog, get: () => next } });

    expect(job).toMatchObject({ status: 'queued', modelRevision: '2' });
  });

  it('is a result past its time', async () => {
    const world = await worldOf({ result_cache_seconds: 60 });
    await made(world);
    expect((await accepted(world)).status).toBe('succeeded');

    await world.clock.advance(60 * second);

    expect((await accepted(world)).status).toBe('queued');
  });

  it('is a result that others pushed out, those used last staying', async () => {
    const world = await worldOf({ result_cache_entries_max: 2 });
    const ofSeed = (seed: number) => ({ input: { ...input, seed } });
    await made(world, ofSeed(1));
    await made(world, ofSeed(2));
    await accepted(world, ofSeed(1));
    await made(world, ofSeed(3));

    expect((await accepted(world, ofSeed(1))).status).toBe('succeeded');
    expect((await accepted(world, ofSeed(3))).status).toBe('succeeded');
    expect((await accepted(world, ofSeed(2))).status).toBe('queued');
  });

  it('is every request of another tenant', async () => {
    const world = await worldOf();
    await made(world);
    const other = sampleTenant({ tenantId: 'tenant-b', overrides: { result_cache: 'on' } });
    await world.tenants.create(other);

    const outcome = await submit(world, submission(other, { input }));

    expect(outcome).toMatchObject({ kind: 'accepted', job: { tenantId: 'tenant-b', status: 'queued' } });
  });

  it('is every request while the cache cannot be read', async () => {
    const world = await worldOf();
    await made(world);
    const results = { ...world.results, get: () => Promise.reject(new Error('no table')) };

    expect((await accepted(world, {}, { ...world, results })).status).toBe('queued');
    expect(world.log.events()).toContain('cache.unread');
  });

  it('is the first request of a tenant whose setting is off, and every later one', async () => {
    const world = await createFlowWorld();
    await made(world);

    expect((await accepted(world)).status).toBe('queued');
    expect(await ask(world, { cache: true })).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'cache' }],
    });
  });
});

describe('a result', () => {
  it('is kept only of requests that ask, where the setting says so', async () => {
    const world = await worldOf({ result_cache: 'on_request' });
    await made(world);
    expect((await accepted(world, { cache: true })).status).toBe('queued');
    await made(world, { cache: true });

    expect((await accepted(world, { cache: true })).status).toBe('succeeded');
    expect((await accepted(world)).status).toBe('queued');
  });

  it('that a crash kept from the cache is kept by the sweep while the job’s reservation stands', async () => {
    const world = await worldOf();
    const broken = () => Promise.reject(new Error('killed'));
    const dying = {
      ...world,
      results: { ...world.results, put: broken },
      gates: { ...world.gates, release: broken },
    };
    const job = await made(dying);
    expect(await openReservations(world)).toEqual([job.jobId]);

    await world.clock.advance(sweepLimits.graceMs);
    await sweep(world);

    expect(await accepted(world)).toMatchObject({ receipt: { cachedFrom: job.jobId } });
  });

  it('of a job that failed is none', async () => {
    const world = await worldOf();
    const faulty = { input: { ...input, fault: 'error' } };
    await expect(made(world, faulty)).rejects.toThrow('the job is failed');

    expect((await accepted(world, faulty)).status).toBe('queued');
  });
});
