/**
 * Numbers in memory, and as the text that Prometheus scrapes (exposition format 0.0.4,
 * https://prometheus.io/docs/instrumenting/exposition_formats/). They begin at nothing with the process, as Prometheus expects.
 */
import type { MetricName, Metrics, Sample } from './metrics.ts';
import { metricNames, metrics, samplesOf } from './metrics.ts';

export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsInMemory extends Metrics {
  /** Everything told so far. Metrics that nobody told of are left out. */
  text(): string;
}

interface Series {
  readonly labels: Sample['labels'];
  /** Of a counter and a histogram the sum, of a gauge the last value. */
  value: number;
  count: number;
  /** Values up to each bound. */
  readonly buckets: number[];
}

export function createMetricsInMemory(): MetricsInMemory {
  const families = new Map<MetricName, Map<string, Series>>();

  function note({ name, value, labels }: Sample): void {
    const family = families.get(name) ?? new Map<string, Series>();
    families.set(name, family);
    const key = JSON.stringify(labels);
    const bounds = boundsOf(name);
    const series = family.get(key) ?? { labels, value: 0, count: 0, buckets: bounds.map(() => 0) };
    family.set(key, series);
    series.value = metrics[name].kind === 'gauge' ? value : series.value + value;
    series.count += 1;
    for (const [index, bound] of bounds.entries())
      if (value <= bound) series.buckets[index] = (series.buckets[index] ?? 0) + 1;
  }

  return {
    tell(_event, values, labels) {
      for (const sample of samplesOf(values, labels)) note(sample);
    },
    text() {
      return metricNames
        .flatMap((name) => familyLines(name, [...(families.get(name)?.values() ?? [])]))
        .map((line) => `${line}\n`)
        .join('');
    },
  };
}

function boundsOf(name: MetricName): readonly number[] {
  const metric = metrics[name];
  return metric.kind === 'histogram' ? metric.buckets : [];
}

/** The name that Prometheus has for it: with the product's before it, and a counter's with `_total` behind. */
export function prometheusName(name: MetricName): string {
  return `pilotlight_${name}${metrics[name].kind === 'counter' ? '_total' : ''}`;
}

function familyLines(name: MetricName, family: readonly Series[]): string[] {
  if (family.length === 0) return [];
  const { help, kind } = metrics[name];
  const full = prometheusName(name);
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${kind}`,
    ...family.flatMap((series) =>
      kind === 'histogram'
        ? histogramLines(full, boundsOf(name), series)
        : [line(full, series.labels, series.value)],
    ),
  ];
}

function histogramLines(full: string, bounds: readonly number[], series: Series): string[] {
  const { labels, buckets, count, value } = series;
  const upTo = (bound: string) => [...labels, ['le', bound] as const];
  return [
    ...bounds.map((bound, index) => line(`${full}_bucket`, upTo(String(bound)), buckets[index] ?? 0)),
    line(`${full}_bucket`, upTo('+Inf'), count),
    line(`${full}_sum`, labels, value),
    line(`${full}_count`, labels, count),
  ];
}

function line(full: string, labels: Sample['labels'], value: number): string {
  const inner = labels.map(([name, text]) => `${name}="${escaped(text)}"`).join(',');
  return `${full}${inner === '' ? '' : `{${inner}}`} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
