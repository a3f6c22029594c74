/**
 * Admission against a model that keeps a plain list of what was admitted and sums it up by calendar, over random
 * histories of admissions, releases, clock jumps in both directions and changes of plan. After every step the gates
 * must say what the model says: nothing admitted that a limit forbids, nothing refused that every limit allows.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryGates } from '#sim/memory/memory-gates.ts';
import { sampleNowMs } from '../samples.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import type { Demand } from './gate.ts';
import { planAdmission } from './gate.ts';
import { readToken, trueUp } from './reservation.ts';
import { keptBytes, storedOf } from './stored-bytes.ts';
import { gpuCounter, monthOf, spendCounter } from './windows.ts';

interface Admitted {
  readonly jobId: string;
  readonly token: string;
  readonly atMs: number;
  /** The plan of that moment: requests and images are counted from when a plan limits them. */
  readonly under: PlanLimits;
  readonly images: number;
  readonly tokens: number;
  usdMicros: number;
  gpuMs: number;
  kept: { readonly bytes: number; readonly untilMs: number } | null;
  isOpen: boolean;
}

type Asked = Pick<Demand, 'images' | 'tokens' | 'storesFiles' | 'gpuMs' | 'reservedUsdMicros'>;

interface Ended {
  readonly usdMicros: number;
  readonly gpuMs: number;
  readonly bytes: number;
  readonly keptDays: number;
}

const dayMs = 86_400_000;

const tenantId = 'tenant-a';
const plans: readonly PlanLimits[] = [
  {
    weight: 1,
    requests_per_second: 2,
    requests_burst: 4,
    requests_per_minute: 6,
    requests_per_day: 20,
    images_per_minute: 12,
    tokens_per_minute: 40,
    storage_gb_max: 0.000_02,
    gpu_seconds_per_month: 6,
    budget_usd_micros_per_month: 6_000,
    open_jobs_max: 5,
  },
  { weight: 1, requests_per_second: 2, requests_burst: 4, requests_per_minute: 2, open_jobs_max: 2 },
  { weight: 1, storage_gb_max: 0.000_005, open_jobs_max: 4 },
  { weight: 1, gpu_seconds_per_month: 2, budget_usd_micros_per_month: 900, open_jobs_max: 3 },
  { weight: 1, open_jobs_max: 8 },
];

const moveSchema = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('admit' as const),
      images: fc.integer({ min: 1, max: 5 }),
      tokens: fc.integer({ min: 0, max: 20 }),
      storesFiles: fc.boolean(),
      gpuMs: fc.integer({ min: 1, max: 1_500 }),
      reservedUsdMicros: fc.integer({ min: 0, max: 1_500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      which: fc.nat({ max: 9 }),
      usdMicros: fc.nat({ max: 2_000 }),
      gpuMs: fc.nat({ max: 2_000 }),
      bytes: fc.nat({ max: 4_000 }),
      keptDays: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      ms: fc.oneof(
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: -90_000, max: 90_000 }),
        fc.constantFrom(86_400_000, -86_400_000, 32 * 86_400_000, -32 * 86_400_000),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plan' as const), to: fc.nat({ max: 4 }) }) },
);

type Move = typeof moveSchema extends fc.Arbitrary<infer T> ? T : never;

describe('admission over random histories with clock jumps and changes of plan', () => {
  it('decides as a plain list of what was admitted says, at every step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moveSchema, { maxLength: 60 }), async (moves) => {
        const run = createRun();
        for (const move of moves) await run.step(move);
        await run.releaseAll();
      }),
      { numRuns: 500 },
    );
  });
});

function createRun() {
  let nowMs = sampleNowMs;
  let limits: PlanLimits = { weight: 1, open_jobs_max: 5, requests_per_minute: 6 };
  const gates = createMemoryGates({ clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() } });
  gates.createGate(tenantId, 'active');
  const history: Admitted[] = [];

  async function admit(asked: Asked) {
    const jobId = `job_${history.length}_${nowMs}`;
    const ask = planAdmission(
      limits,
      { jobId, nonce: '01234567', line: 'demo', tagCost: 1, ...asked },
      nowMs,
    );
    const fault = faultOf(history, limits, asked, nowMs) ?? storageFaultOf(history, limits, asked, nowMs);

    const outcome = await gates.admit(tenantId, ask);

    expect(outcome.kind, fault ?? 'every limit has room').toBe(fault === null ? 'admitted' : 'refused');
    if (outcome.kind !== 'admitted') return;
    const { images, tokens, gpuMs, reservedUsdMicros: usdMicros } = asked;
    history.push({
      jobId,
      token: ask.token,
      atMs: nowMs,
      under: limits,
      images,
      tokens,
      gpuMs,
      usdMicros,
      kept: null,
      isOpen: true,
    });
  }

  async function release(job: Admitted, { bytes, keptDays, ...spent }: Ended) {
    const reserved = readToken(job.token);
    if (reserved === null) throw new Error('a token reads back');
    const outcome = await gates.release(tenantId, job.jobId, {
      token: job.token,
      corrections: trueUp(reserved, spent),
      finishTag: null,
      stored: storedOf({ bytesStored: bytes, atMs: nowMs, retentionMs: keptDays * dayMs }),
    });
    expect(outcome).toBe(job.isOpen ? 'released' : 'gone');
    if (!job.isOpen) return;
    job.isOpen = false;
    job.usdMicros = Math.min(job.usdMicros, spent.usdMicros);
    job.gpuMs = Math.min(job.gpuMs, spent.gpuMs);
    job.kept = { bytes, untilMs: nowMs + keptDays * dayMs };
  }

  async function checkGate() {
    const gate = await gates.read(tenantId);
    expect(Object.keys(gate?.open ?? {}).toSorted()).toEqual(openOf(history).toSorted());
    expect(keptBytes(gate?.stored ?? {}, nowMs)).toBe(keptOf(history, nowMs));
    for (const month of new Set(history.map(({ atMs }) => monthOf(atMs)))) {
      const jobs = history.filter(({ atMs }) => monthOf(atMs) === month);
      expect(gate?.counters[spendCounter(month)]).toBe(sum(jobs, ({ usdMicros }) => usdMicros));
      expect(gate?.counters[gpuCounter(month)]).toBe(sum(jobs, ({ gpuMs }) => gpuMs));
    }
  }

  return {
    async step(move: Move) {
      if (move.kind === 'admit') await admit(move);
      else if (move.kind === 'jump') nowMs += move.ms;
      else if (move.kind === 'plan') limits = plans[move.to] ?? limits;
      else {
        const job = history[move.which];
        if (job !== undefined) await release(job, move);
      }
      await checkGate();
    },
    /** No place stays taken once every job has ended, whatever the clock and the plan did meanwhile. */
    async releaseAll() {
      for (const job of history) await release(job, { usdMicros: 0, gpuMs: 0, bytes: 0, keptDays: 1 });
      await checkGate();
      expect(openOf(history)).toEqual([]);
    },
  };
}

/** The first limit that forbids this request, by the calendar and the list alone. */
function faultOf(
  history: readonly Admitted[],
  limits: PlanLimits,
  asked: Asked,
  nowMs: number,
): string | null {
  const within = (lengthMs: number, limit: keyof PlanLimits) =>
    history.filter(
      ({ atMs, under }) =>
        under[limit] !== undefined && Math.floor(atMs / lengthMs) === Math.floor(nowMs / lengthMs),
    );
  const month = history.filter(({ atMs }) => monthOf(atMs) === monthOf(nowMs));
  const burst = limits.requests_burst ?? 0;
  const perSecond = limits.requests_per_second;
  const bounds: [string, number, number | undefined][] = [
    [
      'second',
      perSecond === undefined ? 0 : within((1000 * burst) / perSecond, 'requests_per_second').length + 1,
      burst || undefined,
    ],
    ['minute', within(60_000, 'requests_per_minute').length + 1, limits.requests_per_minute],
    ['day', within(86_400_000, 'requests_per_day').length + 1, limits.requests_per_day],
    [
      'images',
      sum(within(60_000, 'images_per_minute'), ({ images }) => images) + asked.images,
      limits.images_per_minute,
    ],
    [
      'tokens',
      sum(within(60_000, 'tokens_per_minute'), ({ tokens }) => tokens) + asked.tokens,
      limits.tokens_per_minute,
    ],
    [
      'gpu',
      sum(month, ({ gpuMs }) => gpuMs) + asked.gpuMs,
      limits.gpu_seconds_per_month && 1000 * limits.gpu_seconds_per_month,
    ],
    [
      'budget',
      sum(month, ({ usdMicros }) => usdMicros) + asked.reservedUsdMicros,
      limits.budget_usd_micros_per_month,
    ],
    ['open', openOf(history).length + 1, limits.open_jobs_max],
  ];
  return bounds.find(([, asks, max]) => max !== undefined && asks > max)?.[0] ?? null;
}

/** What is kept must be below the limit for a job that will keep more. */
function storageFaultOf(
  history: readonly Admitted[],
  { storage_gb_max: maxGb }: PlanLimits,
  { storesFiles }: Asked,
  nowMs: number,
): string | null {
  const isFull = maxGb !== undefined && keptOf(history, nowMs) >= maxGb * 1e9;
  return isFull && storesFiles ? 'storage' : null;
}

/** Bytes of the files that have not gone yet: they go at the first midnight that finds their retention over. */
function keptOf(history: readonly Admitted[], nowMs: number): number {
  const midnightMs = nowMs - (nowMs % dayMs);
  return sum([...history], ({ kept }) => (kept !== null && kept.untilMs > midnightMs ? kept.bytes : 0));
}

function openOf(history: readonly Admitted[]): string[] {
  return history.filter(({ isOpen }) => isOpen).map(({ jobId }) => jobId);
}

function sum(jobs: readonly Admitted[], of: (job: Admitted) => number): number {
  return jobs.reduce((total, job) => total + of(job), 0);
}
