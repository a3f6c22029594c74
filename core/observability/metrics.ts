/**
 * The one table of metrics: every number that the platform tells of itself, its unit, and what it is told apart by. CloudWatch
 * (`aws/emf-metrics.ts`), the Prometheus endpoint (`prometheus.ts`), the dashboard, alarms and saved queries (`cdk/`) all read it.
 *
 * A tenant is never a dimension: each combination of values is a metric of its own to CloudWatch, at $0.30 a month, and
 * a series to Prometheus. What a tenant used stands in the lines that carry the numbers, for queries.
 *
 * Nothing is told where there is nothing to tell, so a platform at rest has no metric that costs.
 */
import type { LogFields } from '../ports/process.ts';

interface Metric {
  /** `counter`: values add up. `gauge`: the last one counts. `histogram`: how they are spread counts. */
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'Count' | 'Seconds' | 'Percent' | 'Bytes';
  /** Names of labels; few values each. */
  readonly dimensions: readonly string[];
  readonly help: string;
  /** Upper bounds, of a histogram. */
  readonly buckets?: readonly number[];
}

/** From a picture of a small model to the longest that a stream lasts. */
const runBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
/** From a warm pool to a day in the line. */
const waitBuckets = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 86_400];
/** From a child process to a machine that pulls its image. */
const wakeBuckets = [1, 2, 5, 10, 30, 60, 120, 240, 480, 900];
const sizeBuckets = [1, 2, 4, 8, 16, 32, 64];

export const metrics = {
  jobs_accepted: count(['pool', 'class'], 'Jobs that were accepted'),
  cache_hits: count(['pool'], 'Accepted jobs that the result cache answered'),
  requests_refused: count(['code'], 'Requests of the API that were answered by an error, by its code'),
  jobs_ended: count(['pool', 'status'], 'Jobs that ended, by their last status'),
  jobs_failed: count(['pool', 'code'], 'Jobs that ended without a result, by the code of their error'),
  job_wait_seconds: spread(['pool', 'class'], 'From a job being accepted to its first start', waitBuckets),
  job_run_seconds: spread(
    ['pool'],
    'A successful job in the runner, without its model being loaded',
    runBuckets,
  ),
  gpu_seconds: seconds(['pool'], 'GPU time that jobs used, as it is charged'),
  batch_size: { ...spread(['pool'], 'Jobs that shared a call of a model', sizeBuckets), unit: 'Count' },
  model_load_seconds: spread(['pool'], 'A model on its way into memory', wakeBuckets),
  model_loads_failed: count(['pool'], 'Models that could not be loaded'),
  worker_seconds: seconds(['pool'], 'Time that workers were up'),
  worker_busy_seconds: seconds(
    ['pool'],
    'Time of workers within calls of models: of the time up, the utilisation',
  ),
  card_busy_percent: {
    ...level(['pool'], 'Time in which a card ran anything, as its driver says'),
    unit: 'Percent',
  },
  card_memory_bytes: {
    ...level(['pool'], 'Memory of a card that is taken, as its driver says'),
    unit: 'Bytes',
  },
  workers_desired: level(['pool'], 'Workers that the scaler asked for'),
  workers_running: level(['pool'], 'Workers that run'),
  workers_booting: level(['pool'], 'Workers that were asked for and do not run yet'),
  wake_seconds: spread(['pool'], 'From a cold pool being woken to its first worker that serves', wakeBuckets),
  boots_failed: count(['pool'], 'Machines or workers that were asked for and did not come up'),
  instances_stuck: level(
    ['pool'],
    'Instances that are paid, never joined their cluster and are not replaced any more',
  ),
  sweep_repairs: count(['repair'], 'What the sweep found half done and finished, by what it was'),
  webhook_tries: count(['outcome'], 'Tries to deliver a webhook, by what came of them'),
  webhooks_ended: count(['outcome'], 'Webhooks that were delivered, or given up'),
  spans_lost: count(['pool'], 'Spans of recorded traces that a worker could not send'),
  dead_tickets: count(['outcome'], 'Tickets that their queue put aside, by what was done'),
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metrics;
export type DimensionOf<Name extends MetricName> = (typeof metrics)[Name]['dimensions'][number];

/** Where numbers go: a line for CloudWatch, the memory behind a Prometheus endpoint, or both. */
export interface Metrics {
  /**
   * Tells of one event: its numbers, each under those of the labels that its row names. Never throws, and nothing
   * waits for it.
   * @param fields for the line alone, as those of a log: whose it was, what it belongs to
   */
  tell<Name extends MetricName>(
    event: string,
    values: Readonly<Partial<Record<Name, number>>>,
    labels: Readonly<Record<DimensionOf<Name>, string>>,
    fields?: LogFields,
  ): void;
}

/** One value under its own labels, in the order of its row. */
export interface Sample {
  readonly name: MetricName;
  readonly value: number;
  readonly labels: readonly (readonly [name: string, value: string])[];
}

/** What an event's numbers come to, one by one; a value that is undefined was not told. */
export function samplesOf(
  values: Readonly<Partial<Record<MetricName, number>>>,
  labels: Readonly<Record<string, string>>,
): Sample[] {
  return metricNames.flatMap((name) => {
    const value = values[name];
    if (value === undefined) return [];
    return [
      { name, value, labels: metrics[name].dimensions.map((label) => [label, labels[label] ?? ''] as const) },
    ];
  });
}

// The keys of a constant object are the names that its type has.
export const metricNames = Object.keys(metrics) as readonly MetricName[];

/** What CloudWatch keeps the metrics of a deployment under. */
export function namespaceOf(deployment: string): string {
  return `Pilotlight/${deployment}`;
}

/** Tells all of them. */
export function tellAll(all: readonly Metrics[]): Metrics {
  return {
    tell(...event) {
      for (const each of all) each.tell(...event);
    },
  };
}

function count<const Dimensions extends readonly string[]>(dimensions: Dimensions, help: string) {
  return { kind: 'counter', unit: 'Count', dimensions, help } as const;
}

function seconds<const Dimensions extends readonly string[]>(dimensions: Dimensions, help: string) {
  return { kind: 'counter', unit: 'Seconds', dimensions, help } as const;
}

function level<const Dimensions extends readonly string[]>(dimensions: Dimensions, help: string) {
  return { kind: 'gauge', unit: 'Count', dimensions, help } as const;
}

function spread<const Dimensions extends readonly string[]>(
  dimensions: Dimensions,
  help: string,
  buckets: readonly number[],
) {
  return { kind: 'histogram', unit: 'Seconds', dimensions, help, buckets } as const;
}
