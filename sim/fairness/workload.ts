/** What a fairness run is given and what it is asked about. */
import type { SimJob, World } from './simulate.ts';

export interface Workload {
  readonly world: World;
  readonly meanJobMs: number;
  /** Whose wait is measured. */
  readonly isQuiet: (job: SimJob) => boolean;
  /** Who makes the others wait. */
  readonly isNoisy: (job: SimJob) => boolean;
  /** Throughput and shares are taken over this time. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** An interactive job of the one model of a pool. */
export function simJob(
  given: Pick<SimJob, 'jobId' | 'tenantId' | 'arrivedAtMs' | 'predictedGpuMs' | 'usedGpuMs'> &
    Partial<SimJob>,
): SimJob {
  return { weight: 1, class: 'interactive', model: 'model', batchKey: 'model', ...given };
}
