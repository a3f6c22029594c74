import { beforeEach, describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { cancel } from '../flows/cancel.ts';
import { submit } from '../flows/submit.ts';
import { work } from '../flows/work.ts';
import type { JobRecord } from '../job/job.ts';
import { jobLimits } from '../limits.ts';
import type { AttemptSpan } from './spans.ts';
import { tracedWorker } from './traced-worker.ts';

const second = 1_000;
const workerId = 'worker_1';
const recorded = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let world: FlowWorld;
let told: AttemptSpan[];

beforeEach(async () => {
  world = await createFlowWorld();
  told = [];
});

async function submitJob(input = {}, traceparent = recorded): Promise<JobRecord> {
  const ask = submission(world.tenant, { input: { prompt: 'a lighthouse', ...input }, traceparent });
  const outcome = await submit(world, ask);
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
  return outcome.job;
}

/** Works until everything has ended. */
async function workFor(ms: number, given: Partial<FlowWorld> = {}): Promise<void> {
  const spans = { tell: (span: AttemptSpan) => told.push(span) };
  const own = { ...world, ...given };
  const { ports, watch } = tracedWorker(own, { clock: world.clock, spans, workerId });
  const stopping = new AbortController();
  const interrupt = new AbortController();
  const ask = { workerId, pool: worldPool, slots: 4, stopping: stopping.signal, interrupt: interrupt.signal };
  const done = work({ ...ports, runner: watch(own.runner) }, ask);
  await world.clock.advance(ms);
  stopping.abort();
  interrupt.abort();
  await world.clock.advance(15 * second);
  await done;
}

const names = ({ parts }: AttemptSpan) => parts.map(({ name }) => name);

describe('a worker that is traced', () => {
  it('tells of a job from its acceptance to its last write, part by part', async () => {
    const job = await submitJob();
    await world.clock.advance(3 * second);

    await workFor(60 * second);

    const [span] = told;
    expect(told).toHaveLength(1);
    expect(span).toMatchObject({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      fromMs: job.createdAtMs,
      outcome: 'succeeded',
      ids: { jobId: job.jobId, attempt: 1, workerId, pool: worldPool, batchSize: 1 },
    });
    expect(span === undefined ? [] : names(span)).toEqual(['wait', 'claim', 'lane', 'load', 'run', 'store']);
    const took = new Map(span?.parts.map(({ name, fromMs, toMs }) => [name, toMs - fromMs]));
    expect(took.get('wait')).toBe(3 * second);
    expect(took.get('run')).toBeGreaterThanOrEqual(200);
  });

  it('tells nothing of a job whose trace nobody records, beside one that is', async () => {
    await submitJob({}, recorded.replace(/01$/, '00'));
    const traced = await submitJob();

    await workFor(60 * second);

    expect(told.map(({ ids }) => ids.jobId)).toEqual([traced.jobId]);
    expect(told[0]?.ids.batchSize).toBe(2);
  });

  it('tells of each attempt of a job that fails, and of the wait before the first alone', async () => {
    await submitJob({ fault: 'crash' });

    await workFor(120 * second);

    expect(told.map(({ ids, outcome }) => `${ids.attempt} ${outcome}`)).toEqual([
      ...Array.from({ length: jobLimits.attemptsMax - 1 }, (_, index) => `${index + 1} returned`),
      `${jobLimits.attemptsMax} failed`,
    ]);
    expect(told.map((span) => names(span).includes('wait'))).toEqual([true, false, false]);
  });

  it('tells of one that goes back to the line because the worker must go', async () => {
    await submitJob({ steps: 10, step_ms: 1_000 });

    await workFor(3 * second);

    expect(told).toMatchObject([{ outcome: 'returned', ids: { attempt: 1 } }]);
  });

  it('tells of one that is canceled while it runs', async () => {
    const job = await submitJob({ steps: 10, step_ms: 1_000 });
    const canceled = world.clock.sleep(3 * second).then(() => cancel(world, job.tenantId, job.jobId));

    await workFor(60 * second);
    await canceled;

    expect(told).toMatchObject([{ outcome: 'canceled' }]);
  });

  it('tells nothing of an attempt whose end was refused: it is another worker’s by then', async () => {
    const job = await submitJob();
    const jobs: FlowWorld['jobs'] = {
      ...world.jobs,
      apply: async (tenantId, jobId, guard, patch) =>
        patch.place?.kind === 'done' ? { kind: 'refused' } : world.jobs.apply(tenantId, jobId, guard, patch),
    };

    await workFor(20 * second, { jobs });

    expect(told.filter(({ ids }) => ids.jobId === job.jobId)).toEqual([]);
  });
});
