/** One dashboard of everything in `graphs.ts`. A pool, a code or an outcome that comes up later is in its graph by itself. */
import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { MetricName } from '#core/observability/metrics.ts';
import { metrics, namespaceOf } from '#core/observability/metrics.ts';
import { graphRows } from '../graphs.ts';

const period = Duration.minutes(5);
/** Of the dashboard's 24 columns. */
const columns = 24;

/** By kind: counts add up, what stands is told by its highest, what is spread by its middle and its end. */
const statistics = { counter: ['Sum'], gauge: ['Maximum'], histogram: ['p50', 'p90'] } as const;

export class MetricsDashboard extends Construct {
  constructor(scope: Construct, id: string, { deployment }: { readonly deployment: string }) {
    super(scope, id);
    const widgets = graphRows.map((row) =>
      row.map(
        ({ title, metrics: names }) =>
          new GraphWidget({
            title,
            width: columns / row.length,
            period,
            left: names.flatMap((name) => searches(deployment, name)),
          }),
      ),
    );
    new Dashboard(this, 'Dashboard', { widgets });
  }
}

/** Finds the metric under whatever values its dimensions have by then. */
function searches(deployment: string, name: MetricName): IMetric[] {
  const { dimensions, kind } = metrics[name];
  const schema = [namespaceOf(deployment), ...dimensions].map((part) => `"${part}"`).join(',');
  return statistics[kind].map(
    (statistic) =>
      new MathExpression({
        expression: `SEARCH('{${schema}} MetricName="${name}"', '${statistic}', ${period.toSeconds()})`,
        label: statistic.startsWith('p') ? `${name} ${statistic}` : name,
        period,
      }),
  );
}
