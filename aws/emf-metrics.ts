/**
 * Metrics as lines of the log that CloudWatch makes metrics of by itself (embedded metric format): no call, nothing to wait
 * for, nothing lost that the log has. One line for one event; a metric's dimensions are those of its row.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import * as z from 'zod';
import type { MetricName, Metrics, Sample } from '#core/observability/metrics.ts';
import { metrics, namespaceOf, samplesOf } from '#core/observability/metrics.ts';
import type { Clock } from '#core/ports/process.ts';

export interface EmfOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Of the deployment; part of the metrics' namespace. */
  readonly deployment: string;
  /** @default to stdout */
  readonly write?: (line: string) => void;
}

export function createEmfMetrics({ clock, deployment, write = toStdout }: EmfOptions): Metrics {
  const Namespace = namespaceOf(deployment);
  return {
    tell(event, values, labels, fields = {}) {
      const samples = samplesOf(values, labels);
      const nowMs = clock.nowMs();
      const head = { time: new Date(nowMs).toISOString(), level: 'info', event };
      const body = {
        ...Object.fromEntries(samples.map(({ name, value }) => [name, value])),
        ...Object.fromEntries(samples.flatMap((sample) => sample.labels)),
      };
      const CloudWatchMetrics = directivesOf(samples).map((directive) => ({ Namespace, ...directive }));
      // As in every log line, no field takes the place of the line's own.
      write(
        `${JSON.stringify({ ...head, ...fields, ...body, ...head, _aws: { Timestamp: nowMs, CloudWatchMetrics } })}\n`,
      );
    },
  };
}

/** One for each set of dimensions. */
function directivesOf(samples: readonly Sample[]) {
  const bySet = Map.groupBy(samples, ({ labels }) => labels.map(([name]) => name).join(' '));
  return [...bySet.values()].map((same) => ({
    Dimensions: [same[0]?.labels.map(([name]) => name) ?? []],
    Metrics: same.map(({ name }) => ({ Name: name, Unit: metrics[name].unit })),
  }));
}

const lineSchema = z.looseObject({
  event: z.string(),
  _aws: z.object({
    CloudWatchMetrics: z.array(z.object({ Metrics: z.array(z.object({ Name: z.string() })) })),
  }),
});

/**
 * Tells `to` what the lines say, as CloudWatch would: for the processes of one machine, whose output somebody reads anyway.
 * Whatever is no such line is passed over.
 */
export function createEmfReader(to: Metrics): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.includes('"_aws"')) readLine(to, line);
  };
}

function readLine(to: Metrics, line: string): void {
  const parsed = lineSchema.safeParse(jsonOf(line));
  if (!parsed.success) return;
  const { event, _aws, ...rest } = parsed.data;
  const named = _aws.CloudWatchMetrics.flatMap(({ Metrics: all }) => all.map(({ Name }) => Name));
  const known = named.filter((name): name is MetricName => Object.hasOwn(metrics, name));
  const values = known.flatMap((name) =>
    typeof rest[name] === 'number' ? [[name, rest[name]] as const] : [],
  );
  const strings = Object.entries(rest).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  );
  // Names of the table, with labels of every row that is named.
  to.tell(
    event,
    Object.fromEntries(values) as Partial<Record<MetricName, number>>,
    Object.fromEntries(strings) as never,
  );
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function toStdout(line: string): void {
  process.stdout.write(line);
}
