/**
 * The noisy neighbour of scaling.md 4.4: a pool that twenty quiet tenants load to one half, and one tenant that drops
 * fifty jobs per worker in twenty seconds. Measured are the waits of quiet jobs that arrive in the next twenty minutes.
 */
import type { Random } from '../random.ts';
import { createRandom, exponentialMs, predictMs } from '../random.ts';
import type { SimJob } from './simulate.ts';
import type { Workload } from './workload.ts';
import { simJob } from './workload.ts';

const minute = 60_000;
const meanJobMs = 10_000;
const quietTenants = 20;
const quietLoad = 0.5;
const burstAtMs = 10 * minute;
const burstLengthMs = 20_000;
const burstJobsPerWorker = 50;
const measuredMs = 20 * minute;
const noisyTenant = 'noisy';

export interface BurstOptions {
  readonly workers: number;
  readonly seed: number;
  /** Without it, the same quiet jobs alone. */
  readonly noise: boolean;
}

export function burstWorkload({ workers, seed, noise }: BurstOptions): Workload {
  const quiet = quietJobs(createRandom(seed), workers);
  const noisy = noise ? noisyJobs(createRandom(seed + 1_000_003), workers) : [];
  const toMs = burstAtMs + measuredMs;
  return {
    world: { workers, jobs: [...quiet, ...noisy] },
    meanJobMs,
    isQuiet: (job) => job.tenantId !== noisyTenant && job.arrivedAtMs >= burstAtMs && job.arrivedAtMs < toMs,
    isNoisy: (job) => job.tenantId === noisyTenant,
    fromMs: burstAtMs,
    toMs,
  };
}

/** Poisson arrivals, each from a tenant chosen evenly, until the measured time ends. */
function quietJobs(random: Random, workers: number): SimJob[] {
  const meanGapMs = meanJobMs / (quietLoad * workers);
  const jobs: SimJob[] = [];
  for (
    let atMs = exponentialMs(random, meanGapMs);
    atMs < burstAtMs + measuredMs;
    atMs += exponentialMs(random, meanGapMs)
  ) {
    const tenantId = `quiet-${String(Math.floor(random() * quietTenants)).padStart(2, '0')}`;
    jobs.push(jobOf(random, tenantId, jobs.length, atMs));
  }
  return jobs;
}

function noisyJobs(random: Random, workers: number): SimJob[] {
  const count = burstJobsPerWorker * workers;
  return Array.from({ length: count }, (_, index) =>
    jobOf(random, noisyTenant, index, burstAtMs + Math.floor((index * burstLengthMs) / count)),
  );
}

function jobOf(random: Random, tenantId: string, index: number, arrivedAtMs: number): SimJob {
  const usedGpuMs = exponentialMs(random, meanJobMs);
  const jobId = `${tenantId}-${String(index).padStart(5, '0')}`;
  return simJob({ jobId, tenantId, arrivedAtMs, usedGpuMs, predictedGpuMs: predictMs(random, usedGpuMs) });
}
