/**
 * Two tenants each of the weights 1, 2 and 4, none of which ever runs out of work: each keeps the same number of jobs
 * open, a new one for every one that ends. With `bias`, predictions are not wrong by chance but always the same way:
 * one tenant of each weight is predicted 1.35 times too high, the other as much too low.
 */
import type { Random } from '../random.ts';
import { createRandom, exponentialMs, predictionFactor, predictMs } from '../random.ts';
import type { SimJob } from './simulate.ts';
import type { Workload } from './workload.ts';
import { simJob } from './workload.ts';

const meanJobMs = 10_000;
const weights = [1, 2, 4, 1, 2, 4];
const lengthMs = 60 * 60_000;

export interface WeightsOptions {
  readonly workers: number;
  readonly seed: number;
  readonly bias: boolean;
}

export function weightsWorkload({ workers, seed, bias }: WeightsOptions): Workload {
  const random = createRandom(seed);
  let made = 0;
  const next = (tenant: number, atMs: number): SimJob => {
    made += 1;
    return jobOf(random, { tenant, index: made, atMs, bias });
  };
  const openJobs = 2 * workers;
  const first = weights.flatMap((_, tenant) => Array.from({ length: openJobs }, () => next(tenant, 0)));
  return {
    world: {
      workers,
      jobs: first,
      follow: (ended, nowMs) => next(Number(ended.tenantId), nowMs),
      untilMs: lengthMs,
    },
    meanJobMs,
    isQuiet: () => false,
    isNoisy: () => false,
    fromMs: 0,
    toMs: lengthMs,
  };
}

function jobOf(
  random: Random,
  { tenant, index, atMs, bias }: { tenant: number; index: number; atMs: number; bias: boolean },
): SimJob {
  const usedGpuMs = exponentialMs(random, meanJobMs);
  const biased = Math.max(1, Math.round(usedGpuMs * predictionFactor ** (tenant < 3 ? 1 : -1)));
  return simJob({
    jobId: String(index).padStart(6, '0'),
    tenantId: String(tenant),
    weight: weights[tenant] ?? 1,
    arrivedAtMs: atMs,
    usedGpuMs,
    predictedGpuMs: bias ? biased : predictMs(random, usedGpuMs),
  });
}
