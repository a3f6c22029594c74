import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { monthOf } from '../admission/windows.ts';
import type { JobRecord } from '../job/job.ts';
import { jobError } from '../job/transitions.ts';
import { jobLimits, sweepLimits, ticketLimits } from '../limits.ts';
import { sampleNowMs, sampleTenant } from '../samples.ts';
import { cancel } from './cancel.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import type { WorkPorts } from './work.ts';
import { work } from './work.ts';

const second = 1_000;

async function submitJob(world: FlowWorld, input = {}, more = {}): Promise<JobRecord> {
  const ask = submission(world.tenant, { input: { prompt: 'a lighthouse', ...input }, ...more });
  const outcome = await submit(world, ask);
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}

function startWorker(ports: WorkPorts, workerId = 'worker_1', slots = 4, gpuMemoryMb?: number) {
  const stopping = new AbortController();
  const interrupt = new AbortController();
  const done = work(ports, {
    workerId,
    pool: worldPool,
    slots,
    gpuMemoryMb,
    stopping: stopping.signal,
    interrupt: interrupt.signal,
  });
  return { stopping, interrupt, done };
}

const read = async (world: FlowWorld, { tenantId, jobId }: JobRecord) => {
  const job = await world.jobs.get(tenantId, jobId, { consistent: true });
  if (job === null) throw new Error(`no job ${jobId}`);
  return job;
};

const ledger = async (world: FlowWorld) =>
  (await world.ledger.list(world.tenant.tenantId, monthOf(world.clock.nowMs()))).items;

const openReservations = async (world: FlowWorld) =>
  Object.keys((await world.gates.read(world.tenant.tenantId))?.open ?? {});

describe('a worker that is asked whether it is busy', () => {
  it('says so from its first batch to the end of its last, once each', async () => {
    const world = await createFlowWorld();
    const said: (readonly [isBusy: boolean, calls: number])[] = [];
    const stopping = new AbortController();
    const done = work(world, {
      workerId: 'worker_1',
      pool: worldPool,
      slots: 4,
      stopping: stopping.signal,
      interrupt: new AbortController().signal,
      onBusy: (isBusy) => said.push([isBusy, world.runner.calls.length]),
    });
    await world.clock.advance(second);
    const before = [...said];

    await submitJob(world);
    await world.clock.advance(60 * second);
    stopping.abort();
    await world.clock.advance(second);
    await done;

    expect(before).toEqual([]);
    expect(said).toEqual([
      [true, 0],
      [false, 1],
    ]);
  });
});

describe('a worker', () => {
  it('stores no negative time of a job whose model loaded while the clock jumped back a day', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    let offsetMs = 0;
    const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + offsetMs };
    const runner: FlowWorld['runner'] = {
      ...world.runner,
      async load(model, revision, needs) {
        offsetMs = -24 * 60 * 60 * second;
        return world.runner.load(model, revision, needs);
      },
    };
    startWorker({ ...world, clock, runner });

    await world.clock.advance(10 * second);

    const { status, timings } = await read(world, job);
    expect(status).toBe('succeeded');
    for (const ms of Object.values(timings ?? {})) expect(ms).toBeGreaterThanOrEqual(0);
    expect(await openReservations(world)).toEqual([]);
  });

  it('stores the outputs of an encrypted volume as such, and others not', async () => {
    const tenant = sampleTenant({ overrides: { volume: 'encrypted' } });
    const world = await createFlowWorld({ tenant });
    const kept: (boolean | undefined)[] = [];
    const put: FlowWorld['blobs']['put'] = (tenantId, path, body, contentType, how) => {
      kept.push(how?.isEncrypted);
      return world.blobs.put(tenantId, path, body, contentType, how);
    };
    await submitJob(world);
    await submitJob(world, {}, { tenant: sampleTenant() });
    startWorker({ ...world, blobs: { ...world.blobs, put } });

    await world.clock.advance(5 * second);

    expect(kept.toSorted()).toEqual([false, true]);
  });

  it('stores outputs for as long as their job is kept', async () => {
    const tenant = sampleTenant({ overrides: { retention_days: 3 } });
    const world = await createFlowWorld({ tenant });
    const kept: (number | undefined)[] = [];
    const put: FlowWorld['blobs']['put'] = (tenantId, path, body, contentType, how) => {
      kept.push(how?.retentionMs);
      return world.blobs.put(tenantId, path, body, contentType, how);
    };
    await submitJob(world);
    startWorker({ ...world, blobs: { ...world.blobs, put } });

    await world.clock.advance(5 * second);

    expect(kept).toEqual([3 * 24 * 3_600 * second]);
    expect(await ledger(world)).toMatchObject([{ retentionMs: 3 * 24 * 3_600 * second }]);
  });

  it('counts the bytes of results in the gate until their retention ends, once, and those of failures never', async () => {
    const tenant = sampleTenant({ overrides: { retention_days: 3, storage_gb_max: 0.000_001 } });
    const world = await createFlowWorld({ tenant });
    const done = await submitJob(world, { n: 2 });
    await submitJob(world, { fault: 'error' });
    startWorker(world);

    await world.clock.advance(5 * second);
    await world.clock.advance(sweepLimits.graceMs);
    await sweep(world);
    await sweep(world);

    const bytes = (await read(world, done)).outputs.reduce((sum, output) => sum + output.bytes, 0);
    expect(bytes).toBeGreaterThan(0);
    // Ends at 17:46 on a day; 3 days later at 17:46 it goes, and is counted to the midnight after.
    const bucket = String(Math.floor(sampleNowMs / (24 * 3_600 * second)) + 4);
    expect((await world.gates.read(tenant.tenantId))?.stored).toEqual({ [bucket]: bytes });
  });

  it('fails a job at once that its card can never hold, at no charge, and goes on', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { n: 4, size: 512 });
    const small = await submitJob(world, { size: 256 });
    startWorker(world, 'worker_1', 4, 2_000);

    await world.clock.advance(5 * second);

    // A tenth is kept back and the weights take 1000: 800 MB are left.
    expect(await read(world, job)).toMatchObject({
      status: 'failed',
      attempt: 1,
      costUsdMicros: 0,
      error: {
        code: 'out_of_memory',
        message: 'The job takes 1600 MB of GPU memory beside the model, and there are 800 MB.',
        retryable: false,
      },
    });
    expect((await read(world, small)).status).toBe('succeeded');
    expect(await openReservations(world)).toEqual([]);
  });

  it('tries a job that ran out of memory alone again after half a minute, until there is room', async () => {
    const world = await createFlowWorld();
    const begunAtMs: number[] = [];
    const { runner } = world;
    const crowded: WorkPorts = {
      ...world,
      runner: {
        ...runner,
        run(batch, events) {
          begunAtMs.push(world.clock.nowMs());
          const items = batch.items.map((item) => ({ ...item, params: { ...item.params, fault: 'oom' } }));
          return runner.run(begunAtMs.length <= 2 ? { ...batch, items } : batch, events);
        },
      },
    };
    const job = await submitJob(world);
    startWorker(crowded);

    await world.clock.advance(20 * second);
    const waiting = await read(world, job);
    await world.clock.advance(100 * second);

    expect(waiting).toMatchObject({ status: 'running', place: { kind: 'line' }, attempt: 1, memoryWaits: 1 });
    expect(await read(world, job)).toMatchObject({
      status: 'succeeded',
      attempt: 3,
      interruptions: 2,
      error: null,
    });
    const betweenMs = begunAtMs.slice(1).map((atMs, index) => atMs - (begunAtMs[index] ?? 0));
    expect(betweenMs.length).toBe(2);
    for (const ms of betweenMs) {
      expect(ms).toBeGreaterThanOrEqual(jobLimits.memoryWaitMs);
      expect(ms).toBeLessThan(jobLimits.memoryWaitMs + ticketLimits.returnMs + 5 * second);
    }
    expect(await openReservations(world)).toEqual([]);
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
  });

  it('runs others while one waits for memory, and fails that one, uncharged, when waiting does not help', async () => {
    const world = await createFlowWorld();
    const big = await submitJob(world, { fault: 'oom' });
    startWorker(world);
    await world.clock.advance(10 * second);

    const small = await submitJob(world);
    await world.clock.advance(5 * second);
    const meanwhile = await read(world, small);
    await world.clock.advance((jobLimits.memoryWaitsMax + 1) * (jobLimits.memoryWaitMs + 10 * second));

    expect(meanwhile.status).toBe('succeeded');
    expect(await read(world, big)).toMatchObject({
      status: 'failed',
      attempt: jobLimits.memoryWaitsMax + 1,
      costUsdMicros: 0,
      error: { code: 'out_of_memory', retryable: false },
    });
    expect(await openReservations(world)).toEqual([]);
  });

  it('tries jobs that ran out of memory together alone before any of them waits', async () => {
    const world = await createFlowWorld();
    const [big, mate] = [await submitJob(world, { fault: 'oom' }), await submitJob(world)];
    const { runner } = world;
    const crowded: WorkPorts = {
      ...world,
      runner: {
        ...runner,
        run(batch, events) {
          const items = batch.items.map((item) => ({ ...item, params: { ...item.params, fault: 'oom' } }));
          return runner.run(batch.items.length > 1 ? { ...batch, items } : batch, events);
        },
      },
    };
    startWorker(crowded);

    await world.clock.advance(15 * second);

    expect(await read(world, mate)).toMatchObject({ status: 'succeeded', attempt: 2, memoryWaits: 0 });
    expect(await read(world, big)).toMatchObject({ status: 'running', attempt: 2, memoryWaits: 1 });
  });

  it('makes all wait whose model did not fit: alone it would not fit either', async () => {
    const world = await createFlowWorld();
    const jobs = [await submitJob(world), await submitJob(world)];
    const load = async () => ({ kind: 'failed', code: 'out_of_memory' }) as const;
    startWorker({ ...world, runner: { ...world.runner, load } });

    await world.clock.advance(10 * second);

    for (const job of jobs) expect(await read(world, job)).toMatchObject({ attempt: 1, memoryWaits: 1 });
  });

  it('takes a job from line to result, ledger and an empty gate', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { n: 2 });
    startWorker(world);

    await world.clock.advance(5 * second);

    const done = await read(world, job);
    expect(done).toMatchObject({ status: 'succeeded', attempt: 1, place: { kind: 'done' } });
    expect(done.outputs.map(({ path }) => path)).toEqual([
      `jobs/${job.jobId}/1/0.txt`,
      `jobs/${job.jobId}/1/1.txt`,
    ]);
    expect(await world.blobs.get(job.tenantId, `jobs/${job.jobId}/1/1.txt`)).not.toBeNull();
    expect(await ledger(world)).toMatchObject([
      { jobId: job.jobId, outcome: 'succeeded', usdMicros: done.costUsdMicros },
    ]);
    expect(await openReservations(world)).toEqual([]);
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
    expect((await world.pools.read(worldPool)).state).toBe('warm');
  });

  it('runs like requests in one call, up to the model’s batch', async () => {
    const world = await createFlowWorld();
    const jobs = await Promise.all(Array.from({ length: 6 }, () => submitJob(world)));
    const other = await submitJob(world, { steps: 3 });
    startWorker(world);

    await world.clock.advance(10 * second);

    expect(world.runner.calls.map((call) => call.length)).toEqual([4, 2, 1]);
    expect((await read(world, other)).status).toBe('succeeded');
    expect(new Set(world.runner.calls.flat())).toEqual(new Set([...jobs, other].map(({ jobId }) => jobId)));
  });

  it('teaches its pool how long the wake took and how right its jobs were told', async () => {
    const world = await createFlowWorld();
    await submitJob(world);
    await world.clock.advance(20 * second);
    startWorker(world);

    await world.clock.advance(5 * second);

    const { calibration } = await world.pools.read(worldPool);
    expect(calibration.wakeMs).toBe(20 * second);
    expect(calibration.errors.interactive.cold).toMatchObject({ seen: 1 });
    expect(calibration.errors.interactive.cold.p50).toBeLessThan(0);
  });

  it('shows progress while it runs', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { steps: 10, step_ms: 1_000 });
    startWorker(world);

    await world.clock.advance(7 * second);

    const running = await read(world, job);
    expect(running.status).toBe('running');
    expect(running.progress?.steps).toBe(10);
    expect(running.progress?.step).toBeGreaterThanOrEqual(4);
  });

  it('keeps its lease and its ticket through a run much longer than both', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { steps: 20, step_ms: 10_000 });
    startWorker(world, 'worker_1');
    startWorker(world, 'worker_2');

    await world.clock.advance(250 * second);

    expect(await read(world, job)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(world.runner.calls).toHaveLength(1);
  });

  it('lets a job expire that waited past its deadline, and charges nothing', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, {}, { deadlineSeconds: 5 });
    await world.clock.advance(6 * second);
    startWorker(world);

    await world.clock.advance(second);

    expect(await read(world, job)).toMatchObject({ status: 'expired', attempt: 0, costUsdMicros: 0 });
    expect(world.runner.calls).toEqual([]);
    expect(await openReservations(world)).toEqual([]);
  });

  it('finds a job that its line does not show yet by the ticket’s hint', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    const lagging = { ...world.jobs, line: async () => [] };
    startWorker({ ...world, jobs: lagging });

    await world.clock.advance(5 * second);

    expect((await read(world, job)).status).toBe('succeeded');
  });

  it('deletes a spare ticket', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    await world.tickets.send({ pool: worldPool, tenantId: job.tenantId, jobId: job.jobId });
    startWorker(world);

    await world.clock.advance(20 * second);

    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });
    expect(world.runner.calls).toHaveLength(1);
  });

  it('stops when told to, and hands back what it had not started', async () => {
    const world = await createFlowWorld();
    const worker = startWorker(world);
    await world.clock.advance(second);

    worker.stopping.abort();
    await worker.done;
    await submitJob(world);

    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 1, hidden: 0 });
  });
});

describe('a batch that was claimed ahead', () => {
  /** One runs for a second more, and the next one, of another tenant, is claimed. */
  async function createScene() {
    const world = await createFlowWorld();
    const first = await submitJob(world, { steps: 8, step_ms: 1_000 });
    const second = await submitJob(world, { steps: 4, step_ms: 1_000 });
    const worker = startWorker(world, 'worker_1', 1);
    // The model loads in a second, and the last of eight steps ends at nine.
    await world.clock.advance(8_900);
    expect((await read(world, second)).place).toMatchObject({ kind: 'lease', workerId: 'worker_1' });
    expect(world.runner.calls).toEqual([[first.jobId]]);
    return { world, first, second, worker };
  }

  it('has the runner as soon as that is free, and the time it waited counts as waited', async () => {
    const { world, first, second } = await createScene();

    await world.clock.advance(8 * 1_000);

    expect(world.runner.calls).toEqual([[first.jobId], [second.jobId]]);
    expect(await read(world, second)).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      timings: { queuedMs: 9_000, runMs: 4_000 },
    });
  });

  it('goes back to the line, with no attempt spent, when the worker is told to stop', async () => {
    const { world, first, second, worker } = await createScene();

    worker.stopping.abort();
    await world.clock.advance(5 * 1_000);
    await worker.done;

    expect((await read(world, first)).status).toBe('succeeded');
    expect(await read(world, second)).toMatchObject({
      place: { kind: 'line' },
      attempt: 1,
      interruptions: 1,
    });
    expect(world.runner.calls).toEqual([[first.jobId]]);
    expect(await world.tickets.depth(worldPool)).toEqual({ visible: 1, hidden: 0 });
  });

  it('goes back when the one before takes longer than its steps let expect', async () => {
    const world = await createFlowWorld();
    const first = await submitJob(world, { steps: 2, step_ms: 1_000 });
    const next = await submitJob(world, { steps: 4, step_ms: 1_000 });
    const stuck: FlowWorld['runner'] = {
      ...world.runner,
      async run(batch, events) {
        const outcomes = await world.runner.run(batch, events);
        await world.clock.sleep(30 * second);
        return outcomes;
      },
    };
    startWorker({ ...world, runner: stuck }, 'worker_1', 1);

    await world.clock.advance(10 * second);

    expect((await read(world, first)).status).toBe('running');
    expect(await read(world, next)).toMatchObject({ place: { kind: 'line' }, attempt: 1, interruptions: 1 });
  });
});

describe('a worker that is lost', () => {
  it('leaves its jobs to the next one, which finishes each of them once', async () => {
    const world = await createFlowWorld();
    const jobs = await Promise.all([submitJob(world), submitJob(world)]);
    // A worker whose runner never answers stands for one that froze: it renews nothing either.
    const frozen = {
      ...world,
      clock: { ...world.clock, sleep: () => Promise.withResolvers<void>().promise },
    };
    startWorker(
      { ...frozen, runner: { ...world.runner, load: () => Promise.withResolvers<never>().promise } },
      'worker_frozen',
      1,
    );
    await world.clock.advance(second);
    startWorker(world, 'worker_2');

    await world.clock.advance(ticketLimits.visibilityMs + jobLimits.leaseMs);

    for (const job of jobs) expect((await read(world, job)).status).toBe('succeeded');
    expect(await ledger(world)).toHaveLength(2);
    expect(await openReservations(world)).toEqual([]);
  });

  it('cannot finish a job that another took over: its attempt number is old', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { steps: 1, step_ms: 100 });
    // This worker renews nothing (its beats never come) but its runner answers after the other has finished.
    const slow = {
      ...world.runner,
      run: async (...args: Parameters<typeof world.runner.run>) => {
        await world.clock.sleep(200 * second);
        return world.runner.run(...args);
      },
    };
    const deafJobs: typeof world.jobs = {
      ...world.jobs,
      apply: (tenantId, jobId, guard, patch) =>
        patch.place?.kind === 'lease' && patch.attempt === undefined
          ? Promise.reject(new Error('renewals never arrive'))
          : world.jobs.apply(tenantId, jobId, guard, patch),
    };
    const deafTickets = { ...world.tickets, hide: () => Promise.resolve() };
    startWorker({ ...world, runner: slow, jobs: deafJobs, tickets: deafTickets }, 'worker_slow', 1);
    await world.clock.advance(second);
    startWorker(world, 'worker_2');

    await world.clock.advance(300 * second);

    expect(await read(world, job)).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      receipt: { workerId: 'worker_2' },
    });
    expect(await ledger(world)).toHaveLength(1);
  });
});

describe('a failing attempt', () => {
  it('is tried again, alone, and its mates are not dragged along', async () => {
    const world = await createFlowWorld();
    const bad = await submitJob(world, { fault: 'crash' });
    const good = await Promise.all([submitJob(world), submitJob(world)]);
    startWorker(world);

    await world.clock.advance(30 * second);

    expect(await read(world, bad)).toMatchObject({
      status: 'failed',
      error: { code: 'poison' },
      costUsdMicros: 0,
    });
    for (const job of good) expect(await read(world, job)).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await openReservations(world)).toEqual([]);
  });

  it('ends the job at once when no other attempt can go better', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { fault: 'error' });
    startWorker(world);

    await world.clock.advance(5 * second);

    expect(await read(world, job)).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'model_error' },
    });
    expect(await ledger(world)).toMatchObject([{ outcome: 'failed', usdMicros: 0 }]);
  });

  it('tells a tenant in the runner’s words what is wrong with its input, and of any other fault in ours', async () => {
    const world = await createFlowWorld();
    const [long, broken] = [await submitJob(world), await submitJob(world)];
    const words = {
      [long.jobId]: 'prompt: has 700 tokens, and the model reads 512',
      [broken.jobId]: '/opt/x.py',
    };
    const run: typeof world.runner.run = async ({ items }) =>
      new Map(
        items.map(({ id }) => {
          const code = id === long.jobId ? 'invalid_input' : 'model_error';
          return [
            id,
            { kind: 'failed', code, message: words[id] ?? '', retryable: false, gpuMs: 0 },
          ] as const;
        }),
      );
    startWorker({ ...world, runner: { ...world.runner, run } });

    await world.clock.advance(5 * second);

    const errors = await Promise.all([long, broken].map(async (job) => (await read(world, job)).error));
    expect(errors).toEqual([jobError('invalid_input', words[long.jobId]), jobError('model_error')]);
  });

  it('is spent after three when the result cannot be stored', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);
    const full = { ...world.blobs, put: () => Promise.reject(new Error('disk full')) };
    startWorker({ ...world, blobs: full });

    await world.clock.advance(30 * second);

    expect(await read(world, job)).toMatchObject({
      status: 'failed',
      attempt: jobLimits.attemptsMax,
      error: { code: 'output_upload_failed' },
      outputs: [],
    });
  });
});

describe('a drained worker', () => {
  it('gives its job back without spending an attempt', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { steps: 10, step_ms: 1_000 });
    const worker = startWorker(world);
    await world.clock.advance(3 * second);

    worker.stopping.abort();
    worker.interrupt.abort();
    await world.clock.advance(15 * second);
    await worker.done;

    expect(await read(world, job)).toMatchObject({
      status: 'running',
      place: { kind: 'line' },
      attempt: 1,
      interruptions: 1,
    });
    expect((await world.tickets.depth(worldPool)).visible).toBe(1);
  });
});

describe('a canceled job', () => {
  it('ends at once while it waits', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);

    expect(await cancel(world, job.tenantId, job.jobId)).toMatchObject({
      kind: 'found',
      job: { status: 'canceled' },
    });
    expect(await openReservations(world)).toEqual([]);
    expect(await ledger(world)).toMatchObject([{ outcome: 'canceled', usdMicros: 0 }]);
  });

  it('stops while it runs, and pays for the GPU time until then', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world, { steps: 5, step_ms: 1_000 });
    startWorker(world);
    await world.clock.advance(3 * second);

    expect(await cancel(world, job.tenantId, job.jobId)).toMatchObject({
      kind: 'found',
      job: { status: 'running' },
    });
    await world.clock.advance(5 * second);

    const done = await read(world, job);
    expect(done).toMatchObject({ status: 'canceled', outputs: [] });
    expect(done.usage?.gpuMs).toBeGreaterThan(0);
    expect(await cancel(world, job.tenantId, job.jobId)).toEqual({ kind: 'found', job: done });
  });

  it('of another tenant is missing', async () => {
    const world = await createFlowWorld();
    const job = await submitJob(world);

    expect(await cancel(world, 'tenant-b', job.jobId)).toEqual({ kind: 'missing' });
    expect((await read(world, job)).status).toBe('queued');
  });
});
