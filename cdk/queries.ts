/**
 * Questions to the logs that metrics cannot answer, because they tell tenants apart: kept in CloudWatch under these names, below
 * the deployment's. Numbers in them are of `core/observability/metrics.ts`, whose lines name tenant, job and trace.
 */
export interface SavedQuery {
  /** Whose lines: those of workers, of workers and the API, or of workers and all functions. */
  readonly logs: 'workers' | 'workers and API' | 'all';
  readonly lines: readonly string[];
}

/** Stands in a query where the id of a job belongs. */
export const jobPlaceholder = 'PUT THE JOB ID HERE';

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
  // Asked by `pilotlight jobs logs` as well.
  'One job': {
    logs: 'all',
    lines: [
      'fields @timestamp, @log, @message',
      // Lines of a runner name several jobs: an id is looked for wherever it stands.
      `filter @message like /${jobPlaceholder}/`,
      'sort @timestamp asc',
    ],
  },
} as const satisfies Readonly<Record<string, SavedQuery>>;

export function queryText({ lines }: SavedQuery): string {
  return lines.join('\n| ');
}
