/**
 * Questions to the logs that metrics cannot answer, because they tell tenants apart: kept in CloudWatch under these names, below
 * the deployment's. Numbers in them are of `core/observability/metrics.ts`, whose lines name tenant, job and trace.
 */
export interface SavedQuery {
  /** Whose lines: those of workers, or of workers and the API. */
  readonly logs: 'workers' | 'workers and API';
  readonly lines: readonly string[];
}

export const queries = {
  'GPU seconds by tenant': {
    logs: 'workers',
    lines: [
      'filter event = "job.ended"',
      'stats sum(gpu_seconds) as gpuSeconds, count(*) as jobs, avg(job_run_seconds) as meanRunSeconds by tenantId, model',
      'sort gpuSeconds desc',
    ],
  },
  'Cards busy by tenant and hour': {
    logs: 'workers',
    lines: ['filter event = "job.ended"', 'stats sum(gpu_seconds) / 3600 as cards by tenantId, bin(1h)'],
  },
  'Utilisation by pool and hour': {
    logs: 'workers',
    lines: [
      'filter event = "worker.told"',
      'stats sum(worker_seconds) as upSeconds, sum(worker_busy_seconds) as busySeconds, 100 * sum(worker_busy_seconds) / sum(worker_seconds) as percent by pool, bin(1h)',
    ],
  },
  'Waits by tenant': {
    logs: 'workers',
    lines: [
      'filter event = "job.started"',
      'stats count(*) as jobs, pct(job_wait_seconds, 50) as p50, pct(job_wait_seconds, 90) as p90 by tenantId, class',
      'sort p90 desc',
    ],
  },
  'One trace': {
    logs: 'workers and API',
    lines: [
      'filter traceId = "PUT THE TRACE ID HERE" or traceIds like "PUT THE TRACE ID HERE"',
      'sort @timestamp asc',
      'display @timestamp, event, route, status, jobId, attempt, code, reason',
    ],
  },
} as const satisfies Readonly<Record<string, SavedQuery>>;

export function queryText({ lines }: SavedQuery): string {
  return lines.join('\n| ');
}
