/** What the dashboard shows of the table of metrics, row by row. Every metric is in one graph; a test holds that. */
import type { MetricName } from '#core/observability/metrics.ts';

export interface Graph {
  readonly title: string;
  readonly metrics: readonly MetricName[];
}

export const graphRows: readonly (readonly Graph[])[] = [
  [
    { title: 'Jobs accepted, out of the cache', metrics: ['jobs_accepted', 'cache_hits'] },
    { title: 'Jobs ended, by status', metrics: ['jobs_ended'] },
    { title: 'Jobs failed and requests refused, by code', metrics: ['jobs_failed', 'requests_refused'] },
  ],
  [
    { title: 'Wait until the first start, s', metrics: ['job_wait_seconds'] },
    { title: 'Run, s', metrics: ['job_run_seconds'] },
    { title: 'Jobs in a call', metrics: ['batch_size'] },
  ],
  [
    {
      title: 'GPU seconds, worker seconds busy and up',
      metrics: ['gpu_seconds', 'worker_busy_seconds', 'worker_seconds'],
    },
    { title: 'Workers', metrics: ['workers_desired', 'workers_running', 'workers_booting'] },
    { title: 'Card: busy, %', metrics: ['card_busy_percent'] },
    { title: 'Card: memory, bytes', metrics: ['card_memory_bytes'] },
  ],
  [
    { title: 'Wake and model load, s', metrics: ['wake_seconds', 'model_load_seconds'] },
    {
      title: 'Boots and loads that failed',
      metrics: ['boots_failed', 'instances_stuck', 'model_loads_failed'],
    },
    { title: 'Webhooks', metrics: ['webhook_tries', 'webhooks_ended'] },
    {
      title: 'Repairs of the sweep, dead tickets, spans lost',
      metrics: ['sweep_repairs', 'dead_tickets', 'spans_lost'],
    },
  ],
];
