import { describe, expect, it } from 'vitest';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { cancel } from './cancel.ts';
import { submit } from './submit.ts';
import { work } from './work.ts';

const second = 1_000;

/** A job of ten seconds on a model that takes one to load. */
async function ran(runMsMax: number | null, cancelAfterMs?: number) {
  const world = await createFlowWorld();
  const input = { prompt: 'a lighthouse', steps: 10, step_ms: second };
  const outcome = await submit(world, submission(world.tenant, { input, runMsMax }));
  if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
  const stopping = new AbortController();
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work(world, { workerId: 'worker_1', pool: worldPool, slots: 4, ...signals });
  if (cancelAfterMs !== undefined) {
    await world.clock.advance(cancelAfterMs);
    await cancel(world, outcome.job.tenantId, outcome.job.jobId);
  }
  await world.clock.advance(20 * second);
  stopping.abort();
  await world.clock.advance(30 * second);
  await done;
  return world.jobs.get(outcome.job.tenantId, outcome.job.jobId);
}

describe('a job that may run for a time', () => {
  it('is stopped when it is over, and pays for what it took', async () => {
    const job = await ran(5 * second);

    expect(job).toMatchObject({
      status: 'canceled',
      error: { code: 'run_too_long' },
      attempt: 1,
      outputs: [],
    });
    expect(job?.costUsdMicros).toBeGreaterThan(0);
  });

  it('is canceled, where somebody asked for that before', async () => {
    const job = await ran(5 * second, 3 * second);

    expect(job).toMatchObject({ status: 'canceled', error: { code: 'canceled' } });
  });

  // Ten seconds and a half: the second in which the model loads is not counted.
  it.each([[60 * second], [10_500], [null]])(
    'ends as it would where it is sooner done: %j',
    async (runMsMax) => {
      expect(await ran(runMsMax)).toMatchObject({ status: 'succeeded', attempt: 1 });
    },
  );
});
