/** The places of running jobs in a gate in memory: the attempt of each job that has one, by tenant. */
import type { StartOutcome } from '#core/ports/gates.ts';

export interface RunningPlaces {
  /** For a job that holds a reservation. */
  start(tenantId: string, jobId: string, attempt: number, max: number): StartOutcome;
  stop(tenantId: string, jobId: string, attempt: number): void;
  free(tenantId: string, jobId: string): void;
}

export function createRunningPlaces(): RunningPlaces {
  const tenants = new Map<string, Map<string, number>>();
  const of = (tenantId: string) => {
    const running = tenants.get(tenantId) ?? new Map<string, number>();
    tenants.set(tenantId, running);
    return running;
  };
  return {
    start(tenantId, jobId, attempt, max) {
      const running = of(tenantId);
      const held = running.get(jobId);
      if (held !== undefined && held > attempt) return { kind: 'gone' };
      if (held === undefined && running.size >= max) return { kind: 'full', holders: [...running.keys()] };
      running.set(jobId, attempt);
      return { kind: 'started' };
    },
    stop(tenantId, jobId, attempt) {
      if (of(tenantId).get(jobId) === attempt) of(tenantId).delete(jobId);
    },
    free: (tenantId, jobId) => void of(tenantId).delete(jobId),
  };
}
