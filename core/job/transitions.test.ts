import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobErrors } from '../errors.ts';
import { jobLimits } from '../limits.ts';
import { fullJob, sampleJob, sampleNowMs } from '../samples.ts';
import type { JobRecord } from './job.ts';
import { isTerminal, jobRecordSchema, lineEntryOf } from './job.ts';
import type { Finished, Transition } from './transitions.ts';
import {
  afterClaim,
  afterFailure,
  attemptsSpent,
  cancelRunning,
  cancelWaiting,
  claim,
  expire,
  fail,
  giveBack,
  isHeldUp,
  isOverdue,
  jobError,
  mayTryAgain,
  reclaim,
  renew,
  requestCancel,
  succeed,
  tryAgain,
  waitForMemory,
} from './transitions.ts';

const now = sampleNowMs;
const waiting = sampleJob();
const leased = changed(waiting, claim(lineEntryOf(waiting), 'worker-1', now));
const { outputs, usage, timings, receipt } = fullJob();
if (usage === null || timings === null || receipt === null) throw new Error('fullJob fills every field');
const done: Finished = { usage, costUsdMicros: 7, timings, receipt };

describe('claim', () => {
  it('leases the job to the worker as the next attempt, from the line only', () => {
    const transition = claim(lineEntryOf(waiting), 'worker-1', now);

    expect(transition).toEqual({
      guard: { attempt: 0, place: 'line' },
      patch: {
        status: 'running',
        place: { kind: 'lease', workerId: 'worker-1', expiresAtMs: now + jobLimits.leaseMs },
        attempt: 1,
        startedAtMs: now,
      },
      effects: [],
    });
  });

  it('does not move the start that the tenant sees when a later attempt begins', () => {
    const back = changed(leased, giveBack(leased));

    const again = changed(back, claim(lineEntryOf(back), 'worker-2', now + 5_000));

    expect(again).toMatchObject({ startedAtMs: now, attempt: 2 });
  });
});

describe('reclaim', () => {
  it('takes the job over as the next attempt, only if its lease has run out', () => {
    const transition = reclaim(leased, 'worker-2', now + 60_000);

    expect(transition.guard).toEqual({ attempt: 1, place: 'lease', leaseExpiredBeforeMs: now + 60_000 });
    expect(changed(leased, transition)).toMatchObject({ attempt: 2, startedAtMs: now, status: 'running' });
  });
});

describe('renew', () => {
  it('extends the lease and carries progress along', () => {
    const renewed = changed(leased, renew(leased, 'worker-1', now + 10_000, { step: 2, steps: 4 }));

    expect(renewed.place).toMatchObject({
      workerId: 'worker-1',
      expiresAtMs: now + 10_000 + jobLimits.leaseMs,
    });
    expect(renewed.progress).toEqual({ step: 2, steps: 4 });
  });

  it('keeps the progress there is when it knows of none', () => {
    const { patch } = renew(leased, 'worker-1', now, null);

    expect(patch).not.toHaveProperty('progress');
  });
});

describe('succeed', () => {
  it('ends the job with its result and settles it', () => {
    const transition = succeed(leased, now + 900, outputs, done);

    expect(changed(leased, transition)).toMatchObject({
      status: 'succeeded',
      place: { kind: 'done' },
      finishedAtMs: now + 900,
      outputs,
      error: null,
      ...done,
    });
    expect(transition.effects).toEqual([{ kind: 'settle' }]);
  });

  it('has a result kept that may be answered with again, after it is settled', () => {
    const job = { ...leased, cache: { key: 'c', ttlMs: 1_000, entriesMax: 10 } };

    expect(succeed(job, now + 900, outputs, done).effects).toEqual([
      { kind: 'settle' },
      { kind: 'remember' },
    ]);
  });

  it('forgets the error of an earlier attempt and shows full progress', () => {
    const second = { ...leased, error: jobError('nan_output'), progress: { step: 3, steps: 4 } };

    const job = changed(second, succeed(second, now, outputs, done));

    expect(job).toMatchObject({ error: null, progress: { step: 4, steps: 4 } });
  });
});

describe('fail', () => {
  it('ends the job with its error, charges nothing and settles it', () => {
    const transition = fail(leased, now + 900, jobError('model_error'));

    expect(changed(leased, transition)).toMatchObject({
      status: 'failed',
      place: { kind: 'done' },
      finishedAtMs: now + 900,
      error: { code: 'model_error' },
      costUsdMicros: 0,
    });
    expect(transition.effects).toEqual([{ kind: 'settle' }]);
  });
});

describe('tryAgain', () => {
  it('puts the job back under the same tag, in a batch of its own, and rings the bell', () => {
    const transition = tryAgain(leased, jobError('nan_output'));
    const job = changed(leased, transition);

    expect(job).toMatchObject({ status: 'running', place: { kind: 'line' }, tag: waiting.tag, attempt: 1 });
    expect(job.error?.code).toBe('nan_output');
    expect(job.batchKey).not.toBe(waiting.batchKey);
    expect(job.batchKey).toContain(waiting.jobId);
    expect(transition.effects).toEqual([{ kind: 'ticket' }]);
  });

  it('is allowed for a retryable error until the attempts are used up', () => {
    const attempts = [1, 2, 3].map((attempt) => mayTryAgain({ ...leased, attempt }, jobError('nan_output')));

    expect(attempts).toEqual([true, true, false]);
    expect(mayTryAgain(leased, jobError('model_error'))).toBe(false);
  });
});

describe('an attempt that ran out of memory', () => {
  const error = jobError('out_of_memory');
  const waited = (memoryWaits: number) => ({ ...leased, memoryWaits });

  it('waits where nobody was beside it, as often as is allowed, and then fails', () => {
    const alone = { hadMates: false };

    expect(afterFailure(leased, error, alone)).toBe('wait');
    expect(afterFailure(waited(jobLimits.memoryWaitsMax - 1), error, alone)).toBe('wait');
    expect(afterFailure(waited(jobLimits.memoryWaitsMax), error, alone)).toBe('fail');
    expect(afterFailure({ ...leased, attempt: jobLimits.attemptsMax }, error, alone)).toBe('wait');
  });

  it('is tried alone at once where it had mates', () => {
    expect(afterFailure(leased, error, { hadMates: true })).toBe('try again');
  });

  it('fails where it never will fit', () => {
    expect(afterFailure(leased, { ...error, retryable: false }, { hadMates: false })).toBe('fail');
  });

  it('is the only failure that waits', () => {
    expect(afterFailure(leased, jobError('nan_output'), { hadMates: false })).toBe('try again');
    expect(afterFailure(leased, jobError('model_error'), { hadMates: false })).toBe('fail');
  });

  it('goes back to the line under the same tag, alone, for later, and has spent no attempt', () => {
    const transition = waitForMemory(leased, error, now);
    const job = changed(leased, transition);

    expect(job).toMatchObject({
      place: { kind: 'line', notBeforeMs: now + jobLimits.memoryWaitMs },
      tag: waiting.tag,
      batchKey: tryAgain(leased, error).patch.batchKey,
      memoryWaits: 1,
      error: { code: 'out_of_memory' },
      progress: null,
    });
    expect(attemptsSpent(job)).toBe(0);
    expect(transition.effects).toEqual([{ kind: 'ticket' }]);
  });

  it('may not be claimed before its time is up, unless a clock that ran ahead said so', () => {
    const entry = lineEntryOf(changed(leased, waitForMemory(leased, error, now)));

    expect(isHeldUp(entry, now)).toBe(true);
    expect(isHeldUp(entry, now + jobLimits.memoryWaitMs - 1)).toBe(true);
    expect(isHeldUp(entry, now + jobLimits.memoryWaitMs)).toBe(false);
    expect(isHeldUp(entry, now - 1)).toBe(false);
    expect(isHeldUp(lineEntryOf(waiting), now)).toBe(false);
  });
});

describe('a job of a tenant with a bound on running jobs', () => {
  const bounded = { ...leased, runningJobsMax: 2 };

  it('frees its place before it rings the bell when it goes back to the line', () => {
    const effects = [{ kind: 'stop' }, { kind: 'ticket' }];

    expect(giveBack(bounded).effects).toEqual(effects);
    expect(tryAgain(bounded, jobError('nan_output')).effects).toEqual(effects);
    expect(waitForMemory(bounded, jobError('out_of_memory'), now).effects).toEqual(effects);
  });

  it('rings the bell when it ends, for those that were passed over', () => {
    const effects = [{ kind: 'settle' }, { kind: 'ticket' }];

    expect(fail(bounded, now, jobError('model_error')).effects).toEqual(effects);
    expect(cancelRunning(bounded, now, {}).effects).toEqual(effects);
    expect(cancelWaiting({ ...waiting, runningJobsMax: 2 }, now).effects).toEqual([{ kind: 'settle' }]);
  });
});

describe('giveBack', () => {
  it('puts the job back under the same tag and in the same batch, and rings the bell', () => {
    const transition = giveBack({ ...leased, progress: { step: 1, steps: 4 } });
    const job = changed(leased, transition);

    expect(job).toMatchObject({
      status: 'running',
      place: { kind: 'line' },
      tag: waiting.tag,
      batchKey: waiting.batchKey,
      progress: null,
      error: null,
    });
    expect(transition.effects).toEqual([{ kind: 'ticket' }]);
  });

  it('does not count towards poison: an interrupted attempt is not a failed one', () => {
    let job = waiting;
    for (let round = 0; round < 20; round += 1) {
      const running = changed(job, claim(lineEntryOf(job), 'worker-1', now));
      expect(afterClaim(running)).toEqual({ next: 'run' });
      expect(attemptsSpent(running)).toBe(1);
      job = changed(running, giveBack(running));
    }

    expect(job).toMatchObject({ attempt: 20, interruptions: 20 });
  });
});

describe('cancelWaiting, requestCancel and cancelRunning', () => {
  it('end a job that waits at once, charge nothing and settle it', () => {
    const transition = cancelWaiting(waiting, now + 5);

    expect(changed(waiting, transition)).toMatchObject({
      status: 'canceled',
      place: { kind: 'done' },
      cancelRequestedAtMs: now + 5,
      finishedAtMs: now + 5,
      error: { code: 'canceled' },
      costUsdMicros: 0,
    });
    expect(transition.guard.place).toBe('line');
    expect(transition.effects).toEqual([{ kind: 'settle' }]);
  });

  it('only leave word with a job that runs', () => {
    const transition = requestCancel(leased, now + 5);

    expect(changed(leased, transition)).toEqual({ ...leased, cancelRequestedAtMs: now + 5 });
    expect(transition.effects).toEqual([]);
  });

  it('charge what a job used that was stopped while it ran', () => {
    const transition = cancelRunning(leased, now + 9, { usage: done.usage, costUsdMicros: 3 });

    expect(changed(leased, transition)).toMatchObject({
      status: 'canceled',
      place: { kind: 'done' },
      costUsdMicros: 3,
      usage: done.usage,
    });
    expect(changed(leased, cancelRunning(leased, now, {}))).toMatchObject({ costUsdMicros: 0, usage: null });
    expect(transition.effects).toEqual([{ kind: 'settle' }]);
  });
});

describe('expire', () => {
  it('ends a job that did not start in time, charges nothing and settles it', () => {
    const transition = expire(lineEntryOf(waiting), now);

    expect(changed(waiting, transition)).toMatchObject({
      status: 'expired',
      place: { kind: 'done' },
      error: { code: 'deadline_exceeded' },
      costUsdMicros: 0,
    });
    expect(transition.effects).toEqual([{ kind: 'settle' }]);
  });

  it('is due after the deadline, and only for a job that never started', () => {
    expect(isOverdue(waiting, waiting.startByMs)).toBe(false);
    expect(isOverdue(waiting, waiting.startByMs + 1)).toBe(true);
    expect(isOverdue({ ...waiting, attempt: 1 }, waiting.startByMs + 1)).toBe(false);
  });
});

describe('afterClaim', () => {
  it('runs a job as often as attempts are allowed', () => {
    const spent = jobLimits.attemptsMax;

    expect(afterClaim({ ...leased, attempt: spent })).toEqual({ next: 'run' });
    expect(afterClaim({ ...leased, attempt: spent + 4, interruptions: 4 })).toEqual({ next: 'run' });
  });

  it('calls a job past its attempts lost when no worker ever answered, poison when one did', () => {
    const past = { ...leased, attempt: jobLimits.attemptsMax + 1 };

    expect(afterClaim(past)).toEqual({ next: 'fail', code: 'worker_lost' });
    expect(afterClaim({ ...past, error: jobError('out_of_memory') })).toEqual({
      next: 'fail',
      code: 'poison',
    });
  });

  it('cancels a job that was asked to stop, before it looks at its attempts', () => {
    const past = { ...leased, attempt: jobLimits.attemptsMax + 1, cancelRequestedAtMs: now };

    expect(afterClaim(past)).toEqual({ next: 'cancel' });
  });
});

describe('jobError', () => {
  it('takes text and retryability from the table unless a text is given', () => {
    expect(jobError('nan_output')).toEqual({
      code: 'nan_output',
      message: jobErrors.nan_output.text,
      retryable: true,
    });
    expect(jobError('model_error', 'No such sampler.').message).toBe('No such sampler.');
  });
});

describe('any history of transitions, stale ones among them', () => {
  const step = fc.record({
    move: fc.constantFrom<Move>(
      'claim',
      'claim',
      'reclaim',
      'renew',
      'succeed',
      'fail',
      'tryAgain',
      'waitForMemory',
      'giveBack',
      'cancelWaiting',
      'requestCancel',
      'cancelRunning',
      'expire',
    ),
    laterMs: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 60_000 }), fc.constant(25 * 60 * 60_000)),
    /** How many versions ago the mover read the record. */
    versionsAgo: fc.nat({ max: 3 }),
  });
  const history = fc.array(step, { maxLength: 40 });

  it('moves the status forward only, leaves `done` never, and lowers the attempt never', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const [before, next] of replay(steps)) {
          expect(rank[next.status]).toBeGreaterThanOrEqual(rank[before.status]);
          expect(next.attempt).toBeGreaterThanOrEqual(before.attempt);
          if (isTerminal(before)) expect(next).toEqual(before);
        }
      }),
    );
  });

  it('keeps the record valid, and its status, place, attempts and price in step', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const [, job] of replay(steps)) {
          jobRecordSchema.parse(job);
          expect(isTerminal(job)).toBe(rank[job.status] === 2);
          expect(job.status === 'queued').toBe(job.attempt === 0 && !isTerminal(job));
          expect(job.startedAtMs === null).toBe(job.attempt === 0);
          expect(job.finishedAtMs === null).toBe(!isTerminal(job));
          expect(job.interruptions).toBeLessThanOrEqual(job.attempt);
          if (job.status === 'failed' || job.status === 'expired') expect(job.costUsdMicros).toBe(0);
        }
      }),
    );
  });

  it('settles exactly when the job ends, and rings the bell exactly when it goes back to the line', () => {
    fc.assert(
      fc.property(history, (steps) => {
        for (const [before, next, effects] of replay(steps)) {
          const ended = !isTerminal(before) && isTerminal(next);
          const wentBack = before.place.kind === 'lease' && next.place.kind === 'line';

          expect(effects.some((effect) => effect.kind === 'settle')).toBe(ended);
          expect(effects.some((effect) => effect.kind === 'ticket')).toBe(wentBack);
        }
      }),
    );
  });
});

type Move = keyof typeof moves;

const rank = { queued: 0, running: 1, succeeded: 2, failed: 2, canceled: 2, expired: 2 } as const;

const moves = {
  claim: (job: JobRecord, nowMs: number) => claim(lineEntryOf(job), 'worker-1', nowMs),
  reclaim: (job: JobRecord, nowMs: number) => reclaim(job, 'worker-2', nowMs),
  renew: (job: JobRecord, nowMs: number) => renew(job, 'worker-1', nowMs, { step: 1, steps: 4 }),
  succeed: (job: JobRecord, nowMs: number) => succeed(job, nowMs, outputs, done),
  fail: (job: JobRecord, nowMs: number) => fail(job, nowMs, jobError('model_error')),
  tryAgain: (job: JobRecord) => tryAgain(job, jobError('nan_output')),
  waitForMemory: (job: JobRecord, nowMs: number) => waitForMemory(job, jobError('out_of_memory'), nowMs),
  giveBack: (job: JobRecord) => giveBack(job),
  cancelWaiting: (job: JobRecord, nowMs: number) => cancelWaiting(job, nowMs),
  requestCancel: (job: JobRecord, nowMs: number) => requestCancel(job, nowMs),
  cancelRunning: (job: JobRecord, nowMs: number) => cancelRunning(job, nowMs, done),
  expire: (job: JobRecord, nowMs: number) => (isOverdue(job, nowMs) ? expire(job, nowMs) : null),
} satisfies Record<string, (job: JobRecord, nowMs: number) => Transition | null>;

type Version = readonly [before: JobRecord, next: JobRecord, effects: Transition['effects']];

/** Every change of a record under these moves; a move whose guard does not hold changes nothing and does nothing. */
function replay(steps: readonly { move: Move; laterMs: number; versionsAgo: number }[]): Version[] {
  const versions: Version[] = [];
  const records = [waiting];
  let nowMs = now;
  let job = waiting;
  for (const { move, laterMs, versionsAgo } of steps) {
    nowMs += laterMs;
    const transition = moves[move](records.at(-1 - versionsAgo) ?? waiting, nowMs);
    if (transition === null || !holds(transition, job)) continue;
    const next = changed(job, transition);
    versions.push([job, next, transition.effects]);
    records.push(next);
    job = next;
  }
  return versions;
}

function holds({ guard }: Transition, job: JobRecord): boolean {
  const expiresAtMs = job.place.kind === 'lease' ? job.place.expiresAtMs : Number.POSITIVE_INFINITY;
  return (
    job.attempt === guard.attempt &&
    job.place.kind === guard.place &&
    (guard.leaseExpiredBeforeMs === undefined || expiresAtMs < guard.leaseExpiredBeforeMs)
  );
}

function changed(job: JobRecord, { patch }: Transition): JobRecord {
  return { ...job, ...patch };
}
