import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { sampleJob } from '#core/samples.ts';
import { explore } from './explore.ts';
import type { ModelState } from './job-model.ts';
import { firstState, isSettled, keyOf, stepsFrom } from './job-model.ts';

function faultOf(before: ModelState, after: ModelState): string | null {
  const { job, charges, isReserved, results } = after;
  if (before.job.place.kind === 'done' && !isDeepStrictEqual(before.job, job))
    return 'a terminal job changed';
  if (job.attempt < before.job.attempt) return 'an attempt went back';
  if (charges > 1) return 'charged twice';
  if (charges > 0 && job.place.kind !== 'done') return 'charged before its end';
  if (!isReserved && charges === 0) return 'released and never charged';
  const isOwn = job.outputs.every(({ path }) => path.includes(`/${job.attempt}/`));
  if (job.status === 'succeeded' && !(isOwn && results.includes(job.attempt))) return 'a result is missing';
  return null;
}

function everything(change: (state: ModelState) => ReturnType<typeof stepsFrom> = stepsFrom) {
  return explore({ first: firstState(sampleJob()), keyOf, stepsFrom: change, faultOf, isGoal: isSettled });
}

describe('every interleaving of two workers, two deliveries, one crash, one cancel and the sweep', () => {
  it('ends the job once, charges it once, and can always come to an end', { timeout: 120_000 }, () => {
    const { states, steps, fault, stuck } = everything();

    expect(fault).toBeNull();
    expect(stuck.length).toBe(0);
    expect(states).toBeGreaterThan(100_000);
    console.info(`${states} states, ${steps} steps: complete`);
  });

  it('tells the way to a charge that is lost when the reservation goes first', () => {
    const swapped = everything((state) =>
      stepsFrom(state).map((step) =>
        step.name.endsWith('charges')
          ? { ...step, next: { ...step.next, charges: 0, isReserved: false } }
          : step,
      ),
    );

    expect(swapped.fault?.what).toBe('released and never charged');
    expect(swapped.fault?.story[0]).toMatch(/receives|cancels|delivered/);
  });

  it('tells the way to a second charge when the ledger takes whatever comes', () => {
    const { fault } = everything((state) => stepsFrom(state, () => true));

    expect(fault?.what).toBe('charged twice');
    expect(fault?.story.filter((step) => step.endsWith('charges'))).toHaveLength(2);
  });

  it('finds the job that nobody comes back to when the sweep sends no tickets', () => {
    const deaf = everything((state) =>
      stepsFrom(state).filter(
        ({ name }) => name !== 'sweep finds it unsettled' && name !== 'sweep sends a ticket',
      ),
    );

    expect(deaf.stuck.length).toBeGreaterThan(0);
  });
});
