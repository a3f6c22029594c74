import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LineEntry } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { sampleJob, sampleNowMs } from '../samples.ts';
import { afterWake, uncalibrated } from './calibration.ts';
import { callsOf } from './calls.ts';
import { futureWorkMs } from './future-work.ts';
import { outlookOf } from './outlook.ts';
import type { OutlookRules, SeenPool, SeenWorker } from './supply.ts';

const now = sampleNowMs;
const second = 1_000;

const rules: OutlookRules = {
  batchMax: () => 1,
  sharedMs: () => 0,
  slackTag: 0,
  wakeMs: 60 * second,
  silentMs: 45 * second,
  loadMs: 5 * second,
};

/** A job of ten seconds, alone in its call, of a tenant of weight 1 whose turns come at its tags, in seconds. */
function entry(name: string, atTag: number, overrides: Partial<LineEntry> = {}): LineEntry {
  const seconds = { predictedGpuMs: 10 * second, tagCost: 10_000 * second, tag: atTag * 1_000 * second };
  const job = sampleJob({ jobId: name, tenantId: name.slice(0, 1), batchKey: name, ...seconds });
  return { ...lineEntryOf(job), ...overrides };
}

function pool(overrides: Partial<SeenPool> = {}): SeenPool {
  return {
    atMs: now,
    state: 'warm',
    stateSinceMs: now - 1_000 * second,
    isPaused: false,
    calibration: uncalibrated,
    lines: { interactive: line(), batch: line() },
    leased: [],
    workers: [worker('serving')],
    ...overrides,
  };
}

const line = (...entries: LineEntry[]) => ({ entries, isWhole: true });

function worker(phase: SeenWorker['phase'], forMs = 100 * second): SeenWorker {
  return { phase, phaseSinceMs: now - forMs, startedAtMs: now - forMs };
}

describe('the place of a job', () => {
  it('is behind those of lower tags in its own line, and its start after their work', () => {
    const [first, second_, third] = [entry('a1', 0), entry('a2', 10), entry('a3', 20)];
    const outlook = outlookOf(
      pool({ lines: { interactive: line(first, second_, third), batch: line() } }),
      rules,
    );

    expect(outlook.placeOf(third, now)).toEqual({
      ahead: 2,
      isExact: true,
      start: { waitMs: 20 * second, kind: 'line' },
    });
    expect(outlook.placeOf(first, now)).toEqual({
      ahead: 0,
      isExact: true,
      start: { waitMs: 0, kind: 'free' },
    });
  });

  it('is told as of the moment asked for', () => {
    const outlook = outlookOf(
      pool({ lines: { interactive: line(entry('a1', 0), entry('a2', 10)), batch: line() } }),
      rules,
    );

    expect(outlook.placeOf(entry('a2', 10), now + 4 * second).start.waitMs).toBe(6 * second);
    expect(outlook.placeOf(entry('a2', 10), now + 40 * second).start.waitMs).toBe(0);
  });

  it('is where the tag of a job puts it that is not seen in the line yet, and is kept when it is included', () => {
    const seen = pool({ lines: { interactive: line(entry('a1', 0), entry('a3', 20)), batch: line() } });
    const outlook = outlookOf(seen, rules);

    const including = outlook.including(entry('a2', 10));

    expect(outlook.placeOf(entry('a2', 10), now).ahead).toBe(1);
    expect(outlook.placeOf(entry('a3', 20), now).ahead).toBe(1);
    expect(including.placeOf(entry('a3', 20), now).ahead).toBe(2);
    expect(including.including(entry('a2', 10))).toBe(including);
  });

  it('is at least behind all that was seen of a line that goes on, and behind what its tenant has between', () => {
    const entries = [entry('a1', 0), entry('b1', 10)];
    const outlook = outlookOf(
      pool({ lines: { interactive: { entries, isWhole: false }, batch: line() } }),
      rules,
    );

    expect(outlook.placeOf(entry('c1', 40), now)).toEqual({
      ahead: 2,
      isExact: false,
      start: { waitMs: 50 * second, kind: 'line' },
    });
    expect(outlook.including(entry('c1', 40))).toBe(outlook);
  });

  it('joins the call of its batch key, and leaves one that is full or would take it past another job by too much', () => {
    const shared = { batchKey: 'same' };
    const entries = [entry('a1', 0, shared), entry('b1', 1), entry('a2', 2, shared), entry('a3', 3, shared)];

    const { calls, callOf } = callsOf(entries, {
      ...rules,
      batchMax: () => 2,
      sharedMs: () => 4 * second,
      slackTag: 1_000 * second,
    });
    const apart = callsOf(entries, { ...rules, batchMax: () => 9, slackTag: 999 * second });

    expect(callOf).toEqual([0, 1, 0, 2]);
    expect(calls.map(({ workMs }) => workMs / second)).toEqual([16, 10, 10]);
    expect(apart.callOf).toEqual([0, 1, 2, 2]);
    const alone = [entry('a1', 0, shared), entry('a2', 2, shared), entry('a3', 900, shared)];
    expect(callsOf(alone, { ...rules, batchMax: () => 9, slackTag: 0 }).callOf).toEqual([0, 0, 0]);
  });

  it('leaves room for what tenants with shorter lines may still send, as long again as it waits at most', () => {
    const entries = [entry('a1', 0), entry('b1', 0), entry('b2', 12), entry('b3', 100)];

    expect(futureWorkMs(entries).map((ms) => ms / second)).toEqual([0, 0, 2, 90]);
    const outlook = outlookOf(pool({ lines: { interactive: line(...entries), batch: line() } }), rules);
    const waits = entries.map((each) => outlook.placeOf(each, now).start.waitMs / second);
    expect(waits).toEqual([0, 10, 22, 60]);
  });
});

describe('the start of a job', () => {
  const anyEntries = fc
    .array(
      fc.record({
        tenant: fc.constantFrom('a', 'b', 'c'),
        tag: fc.nat({ max: 50 }),
        size: fc.nat({ max: 20 }),
      }),
      {
        minLength: 1,
        maxLength: 20,
      },
    )
    .map((items) =>
      items
        .toSorted((left, right) => left.tag - right.tag)
        .map(({ tenant, tag, size }, index) =>
          entry(`${tenant}${String(index).padStart(3, '0')}`, tag, { predictedGpuMs: size * second }),
        ),
    );

  const waitsOf = (entries: readonly LineEntry[], workers: number) => {
    const seen = pool({
      lines: { interactive: line(...entries), batch: line() },
      workers: Array.from({ length: workers }, () => worker('serving')),
    });
    const outlook = outlookOf(seen, rules);
    return entries.map((each) => outlook.placeOf(each, now).start.waitMs);
  };

  it('is never told later for a worker more', () => {
    fc.assert(
      fc.property(anyEntries, fc.integer({ min: 1, max: 5 }), (entries, workers) => {
        const before = waitsOf(entries, workers);

        const after = waitsOf(entries, workers + 1);

        for (const [index, waitMs] of after.entries()) expect(waitMs).toBeLessThanOrEqual(before[index] ?? 0);
      }),
    );
  });

  it('is never told sooner for more work in a job ahead', () => {
    fc.assert(
      fc.property(anyEntries, fc.integer({ min: 1, max: 5 }), fc.nat(), (entries, workers, at) => {
        const more = entries.map((each, index) =>
          index === at % entries.length
            ? { ...each, predictedGpuMs: each.predictedGpuMs + 7 * second }
            : each,
        );
        const before = waitsOf(entries, workers);

        const after = waitsOf(more, workers);

        for (const [index, waitMs] of after.entries())
          expect(waitMs).toBeGreaterThanOrEqual(before[index] ?? 0);
      }),
    );
  });
});

describe('the workers of a pool', () => {
  const startOf = (overrides: Partial<SeenPool>) =>
    outlookOf(pool(overrides), rules).placeOf(entry('z1', 0), now).start;

  it('take the next call after half of what they run', () => {
    const leased = [entry('a1', 0, { workerId: 'w1' }), entry('b1', 0, { workerId: 'w1' })];

    expect(startOf({ leased })).toEqual({ waitMs: 10 * second, kind: 'line' });
    expect(startOf({ leased, workers: [worker('serving'), worker('serving')] }).kind).toBe('free');
  });

  it('are expected after the wake of a cold pool, as long as it took before', () => {
    const calibration = afterWake(uncalibrated, 20 * second);
    const woken = { state: 'waking', stateSinceMs: now - 5 * second, workers: [] } as const;

    expect(startOf({ state: 'cold', workers: [] })).toEqual({ waitMs: 60 * second, kind: 'cold' });
    expect(startOf({ ...woken })).toEqual({ waitMs: 55 * second, kind: 'cold' });
    expect(startOf({ ...woken, calibration })).toEqual({ waitMs: 15 * second, kind: 'cold' });
  });

  it('are never expected in the past, however overdue', () => {
    const late = { state: 'waking', stateSinceMs: now - 500 * second, workers: [] } as const;

    expect(startOf(late).waitMs).toBe(12 * second);
  });

  it('that load hold the leases that nobody who serves can hold', () => {
    const leased = [entry('a1', 0, { workerId: 'w1' })];

    expect(startOf({ leased, workers: [worker('loading', 1 * second)] }).waitMs).toBe(5 * second);
    expect(startOf({ workers: [worker('loading', 1 * second)] })).toEqual({
      waitMs: 4 * second,
      kind: 'cold',
    });
  });

  it.each<[string, Partial<SeenPool>, string, string | undefined]>([
    ['one serves', {}, 'behind_others', undefined],
    [
      'one runs something and was not heard of',
      { workers: [], leased: [entry('a1', 0)] },
      'behind_others',
      undefined,
    ],
    ['the pool is lit since a moment', { workers: [], stateSinceMs: now - 1 }, 'behind_others', undefined],
    ['those that are there load', { workers: [worker('loading')] }, 'loading_model', 'loading'],
    ['one starts', { workers: [worker('starting')] }, 'starting_worker', 'starting'],
    ['the pool is cold', { state: 'cold', workers: [] }, 'starting_worker', 'starting'],
    ['the pool wakes', { state: 'waking', workers: [] }, 'starting_worker', 'starting'],
    ['nobody is heard of in a lit pool', { workers: [] }, 'worker_unhealthy', 'starting'],
    ['the operator paused the pool', { isPaused: true }, 'paused', undefined],
  ])('give the reason of a wait: %s', (_, overrides, reason, phase) => {
    const outlook = outlookOf(pool(overrides), rules);

    expect(outlook.reason).toBe(reason);
    expect(outlook.phase?.name).toBe(phase);
  });
});
