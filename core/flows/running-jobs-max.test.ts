/** `running_jobs_max` over whole lives of workers: never too many at once, and every job ends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import type { Jobs } from '../ports/jobs.ts';
import { sampleTenant } from '../samples.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import { work } from './work.ts';

const minute = 60_000;

interface Given {
  readonly runningMax: number;
  readonly workers: number;
  readonly jobs: readonly { readonly steps: number; readonly fault?: string | undefined }[];
  readonly interruptAtMs: number;
}

const anyGiven: fc.Arbitrary<Given> = fc.record({
  runningMax: fc.integer({ min: 1, max: 3 }),
  workers: fc.integer({ min: 1, max: 4 }),
  jobs: fc.array(
    fc.record({
      steps: fc.integer({ min: 1, max: 8 }),
      fault: fc.constantFrom(undefined, undefined, 'oom', 'crash', 'error'),
    }),
    { minLength: 1, maxLength: 14 },
  ),
  interruptAtMs: fc.integer({ min: 0, max: 3_000 }),
});

describe('running_jobs_max', () => {
  it('is never passed by any number of workers, and no job is lost to it', async () => {
    await fc.assert(
      fc.asyncProperty(anyGiven, async (given) => {
        const tenant = sampleTenant({ overrides: { running_jobs_max: given.runningMax } });
        const world = await createFlowWorld({ tenant });
        const { jobs, mostLeased } = counting(world.jobs);
        const ports = { ...world, jobs };
        for (const input of given.jobs) await accept(world, input);

        const workers = Array.from({ length: given.workers }, (_, index) => startWorker(ports, index));
        await world.clock.advance(given.interruptAtMs);
        workers[0]?.abort();
        startWorker(ports, given.workers);
        for (let minutes = 0; minutes < 5; minutes += 1) {
          await world.clock.advance(minute);
          await sweep(ports);
        }

        const { items } = await world.jobs.list(tenant.tenantId, { limit: 100 });
        expect(items.map(({ place }) => place.kind)).toEqual(given.jobs.map(() => 'done'));
        expect(mostLeased()).toBeLessThanOrEqual(given.runningMax);
        expect((await world.gates.read(tenant.tenantId))?.open).toEqual({});
      }),
      { numRuns: 60 },
    );
  });
});

async function accept(world: FlowWorld, input: Given['jobs'][number]): Promise<void> {
  const { fault, ...rest } = input;
  const ask = { prompt: 'a lighthouse', ...rest, ...(fault === undefined ? {} : { fault }) };
  const outcome = await submit(world, submission(world.tenant, { input: ask }));
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
}

/** A worker that gives back what it runs when it is aborted. */
function startWorker(ports: FlowWorld, index: number): AbortController {
  const end = new AbortController();
  const ask = { workerId: `worker_${index}`, pool: worldPool, slots: 4 };
  void work(ports, { ...ask, stopping: end.signal, interrupt: end.signal });
  return end;
}

/** The store, and the most jobs that were leased at one time. */
function counting(jobs: Jobs): { jobs: Jobs; mostLeased(): number } {
  const leased = new Set<string>();
  let most = 0;
  return {
    jobs: {
      ...jobs,
      async apply(tenantId, jobId, guard, patch) {
        const outcome = await jobs.apply(tenantId, jobId, guard, patch);
        if (outcome.kind === 'applied') {
          if (outcome.job.place.kind === 'lease') leased.add(jobId);
          else leased.delete(jobId);
          most = Math.max(most, leased.size);
        }
        return outcome;
      },
    },
    mostLeased: () => most,
  };
}
