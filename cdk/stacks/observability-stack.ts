/** Who is told what: alarms of queues, functions and the API, and the budget. */
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type AlarmName, alarms } from '../alarms.ts';
import { acknowledge } from '../constructs/acknowledge.ts';
import { MonthBudget } from '../constructs/budget.ts';
import type { DropQueue } from '../constructs/drop-queue.ts';
import type { NodeFunction } from '../constructs/node-function.ts';
import type { PoolQueue } from '../constructs/pool-queues.ts';
import type { RestFrontDoor } from '../constructs/rest-front-door.ts';
import type { Deployment } from '../deployment.ts';

const minute = Duration.minutes(1);
const fiveMinutes = Duration.minutes(5);

/** A GPU machine, an image and its weights are there within ten minutes, at the slowest that was measured elsewhere. */
const oldTicketSeconds = 15 * 60;
/** A file is taken within seconds, or tried again after six minutes. */
const oldDropSeconds = 30 * 60;
const faultPercent = 5;

export interface ObservabilityStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly queues: readonly PoolQueue[];
  readonly drops: DropQueue;
  readonly door: RestFrontDoor;
  readonly functions: readonly NodeFunction[];
  /** Where invocations go that failed for good. */
  readonly failures: IQueue;
}

interface Watched {
  readonly metric: IMetric;
  /** The alarm goes off at this, or above. */
  readonly threshold: number;
  /** @default 1 */
  readonly periods?: number;
}

export class ObservabilityStack extends Stack {
  private readonly topic: Topic;

  constructor(scope: Construct, id: string, props: ObservabilityStackProps) {
    const { deployment, queues, drops, door, functions, failures, ...rest } = props;
    super(scope, id, rest);
    const { alarms: receiver, budget } = deployment.config;
    this.topic = new Topic(this, 'Alarms', { enforceSSL: true });
    if (receiver !== undefined) this.topic.addSubscription(new EmailSubscription(receiver.email));
    acknowledge(this.topic, {
      'Serverless-SNSRedrivePolicy':
        'Letters to a person: the alarm itself stays in the console until it is mended.',
    });
    for (const queue of queues) this.watchQueue(queue);
    this.watchDrops(drops);
    for (const each of functions) this.watchFunction(each);
    this.alarm('lostInvocations', 'control', {
      metric: failures.metricApproximateNumberOfMessagesVisible({
        period: fiveMinutes,
        statistic: Stats.MAXIMUM,
      }),
      threshold: 1,
    });
    this.watchDoor(door);
    if (budget !== undefined && receiver !== undefined)
      new MonthBudget(this, 'Budget', { ...budget, ...receiver });
  }

  private watchQueue({ pool, queue, deadLetters }: PoolQueue): void {
    this.alarm('deadLetters', pool, {
      metric: deadLetters.metricApproximateNumberOfMessagesVisible({
        period: fiveMinutes,
        statistic: Stats.MAXIMUM,
      }),
      threshold: 1,
    });
    this.alarm('oldTicket', pool, {
      metric: queue.metricApproximateAgeOfOldestMessage({ period: fiveMinutes, statistic: Stats.MAXIMUM }),
      threshold: oldTicketSeconds,
    });
  }

  private watchDrops({ queue, deadLetters }: DropQueue): void {
    const how = { period: fiveMinutes, statistic: Stats.MAXIMUM };
    this.alarm('lostDrops', 'drops', {
      metric: deadLetters.metricApproximateNumberOfMessagesVisible(how),
      threshold: 1,
    });
    this.alarm('oldDrop', 'drops', {
      metric: queue.metricApproximateAgeOfOldestMessage(how),
      threshold: oldDropSeconds,
    });
  }

  private watchFunction({ entry, lambda, isBounded }: NodeFunction): void {
    const faults = new MathExpression({
      expression: 'errors + throttles',
      usingMetrics: { errors: lambda.metricErrors(), throttles: lambda.metricThrottles() },
      period: fiveMinutes,
    });
    const errors = lambda.metricErrors({ period: fiveMinutes });
    this.alarm('functionFaults', entry, { metric: isBounded ? errors : faults, threshold: 1 });
  }

  private watchDoor({ api }: RestFrontDoor): void {
    this.alarm('apiFaults', 'api', {
      // An average of zeros and ones: the part of all answers.
      metric: api.metricServerError({ statistic: Stats.AVERAGE, period: minute }),
      threshold: faultPercent / 100,
      periods: 3,
    });
  }

  private alarm(name: AlarmName, of: string, { metric, threshold, periods = 1 }: Watched): void {
    const { heading, description } = alarms[name];
    const alarm = new Alarm(this, `${name}-${of}`, {
      alarmDescription: `${of}: ${description}. docs/runbook.md, "${heading}"`,
      metric,
      threshold,
      evaluationPeriods: periods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // Without traffic there is nothing to count, and nothing wrong.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
  }
}
