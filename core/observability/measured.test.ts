import { describe, expect, it } from 'vitest';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { scale } from '../flows/scale.ts';
import { submit } from '../flows/submit.ts';
import { work } from '../flows/work.ts';
import { measuredFleet, measuredOutbound, measuredPorts, measuredRunner } from './measured.ts';

async function measuredWorld() {
  const world = await createFlowWorld();
  const metrics = createRecordingMetrics();
  const ports = measuredPorts(world, metrics);
  const runner = measuredRunner(world.runner, { clock: world.clock, metrics, pool: worldPool });
  const fleet = measuredFleet(world.fleet, { ...world, metrics });
  return { ...ports, runner, fleet, metrics };
}

type World = Awaited<ReturnType<typeof measuredWorld>>;

async function workFor(world: World, ms: number): Promise<void> {
  const stopping = new AbortController();
  const ask = { workerId: 'worker_1', pool: worldPool, slots: 2 };
  const working = work(world, { ...ask, stopping: stopping.signal, interrupt: stopping.signal });
  await world.clock.advance(ms);
  stopping.abort();
  await world.clock.advance(60_000);
  await working;
}

describe('measured ports', () => {
  it('tell of a job once as it is accepted, once as it starts and once as it ends', async () => {
    const world = await measuredWorld();
    await submit(world, submission(world.tenant));
    await world.clock.advance(2_000);

    await workFor(world, 20_000);

    const ofJobs = world.metrics.samples().filter((sample) => /^job|^gpu/.test(sample));
    expect(ofJobs).toEqual([
      `jobs_accepted{pool=${worldPool},class=interactive} 1`,
      expect.stringMatching(/^job_wait_seconds\{.*class=interactive\} 2(\.\d+)?$/),
      `jobs_ended{pool=${worldPool},status=succeeded} 1`,
      expect.stringMatching(/^job_run_seconds\{/),
      expect.stringMatching(/^gpu_seconds\{/),
    ]);
    const named = world.metrics.events.filter(({ event }) => event.startsWith('job.'));
    for (const { fields } of named) expect(fields).toMatchObject({ tenantId: world.tenant.tenantId });
  });

  it('say why a job failed, and nothing of a run that it had not', async () => {
    const world = await measuredWorld();
    await submit(world, submission(world.tenant, { input: { prompt: 'x', fault: 'error' } }));

    await workFor(world, 20_000);

    expect(world.metrics.samples()).toContain(`jobs_failed{pool=${worldPool},code=model_error} 1`);
    expect(world.metrics.samples().join()).not.toContain('job_run_seconds');
  });

  it('count a request sent twice as one job', async () => {
    const world = await measuredWorld();
    for (const _ of [1, 2]) await submit(world, submission(world.tenant, { idempotencyKey: 'once' }));

    expect(world.metrics.samples()).toEqual([`jobs_accepted{pool=${worldPool},class=interactive} 1`]);
  });

  it('tell how long a cold pool took to wake, and nothing of a worker that joins a warm one', async () => {
    const world = await measuredWorld();
    await submit(world, submission(world.tenant));
    await world.clock.advance(7_000);

    await workFor(world, 1_000);
    await workFor(world, 1_000);

    const wakes = world.metrics.samples().filter((sample) => sample.startsWith('wake_seconds'));
    expect(wakes).toEqual([`wake_seconds{pool=${worldPool}} 7`]);
  });

  it('tell of workers what each word adds to the one before', async () => {
    const { workers, metrics } = await measuredWorld();
    const word = {
      workerId: 'worker_1',
      pool: 'demo',
      phase: 'serving' as const,
      phaseSinceMs: 0,
      startedAtMs: 10_000,
      resident: [],
      runningJobs: 0,
      loadMs: 0,
    };
    for (const [reportedAtMs, busyMs] of [
      [10_000, 0],
      [25_000, 5_000],
      [40_000, 20_000],
    ] as const)
      await workers.report({ ...word, reportedAtMs, busyMs });

    expect(metrics.samples()).toEqual([
      'worker_seconds{pool=demo} 15',
      'worker_busy_seconds{pool=demo} 5',
      'worker_seconds{pool=demo} 15',
      'worker_busy_seconds{pool=demo} 15',
    ]);
  });
});

describe('a measured runner', () => {
  it('tells how many jobs shared a call, and how long a model took to load', async () => {
    const world = await measuredWorld();
    for (const _ of [1, 2]) await submit(world, submission(world.tenant));

    await workFor(world, 20_000);

    expect(world.metrics.samples()).toContain(`batch_size{pool=${worldPool}} 2`);
    expect(world.metrics.samples()).toContain(`model_load_seconds{pool=${worldPool}} 1`);
  });
});

describe('a measured fleet', () => {
  it('tells what was asked for and what runs, once a minute while nothing changes, and nothing while both are nothing', async () => {
    const world = await measuredWorld();
    const bounds = { workersMin: 0, workersMax: 2, idleTimeoutMs: 1_000 };
    await scale(world, worldPool, bounds);
    expect(world.metrics.samples()).toEqual([]);

    await submit(world, submission(world.tenant));
    await scale(world, worldPool, bounds);
    await scale(world, worldPool, bounds);
    expect(world.metrics.samples().filter((sample) => sample.startsWith('workers_desired'))).toHaveLength(1);
    await world.clock.advance(60_000);
    await scale(world, worldPool, bounds);

    expect(
      world.metrics
        .samples()
        .filter((sample) => sample.startsWith('workers_'))
        .slice(3),
    ).toEqual([
      `workers_desired{pool=${worldPool}} 1`,
      `workers_running{pool=${worldPool}} 1`,
      `workers_booting{pool=${worldPool}} 0`,
    ]);
  });
});

describe('a measured way out', () => {
  it.each([
    [{ kind: 'answered', status: 204, headers: {}, body: new Uint8Array(), truncated: false }, 'taken'],
    [{ kind: 'answered', status: 302, headers: {}, body: new Uint8Array(), truncated: false }, 'turned_away'],
    [{ kind: 'failed', reason: 'timeout', detail: '' }, 'failed'],
  ] as const)('tells what came of a try: %o', async (answer, outcome) => {
    const metrics = createRecordingMetrics();
    const outbound = measuredOutbound({ send: async () => answer }, metrics);
    const request = { method: 'POST', url: '', headers: {}, timeoutMs: 1, answerBytesMax: 1 } as const;

    expect(await outbound.send(request)).toBe(answer);
    expect(metrics.samples()).toEqual([`webhook_tries{outcome=${outcome}} 1`]);
  });
});
