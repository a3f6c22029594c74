/**
 * What goes on by itself beside the fleet: every tick of the platform with its schedule, and what the stores tell of. A tick that
 * fails is made good by the next one; what fails beyond that is kept in one queue for somebody to look at.
 */
import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import {
  DynamoEventSource,
  SqsDlq,
  SqsEventSource,
  type SqsEventSourceProps,
} from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { turnSortKey } from '#aws/keys.ts';
import { sweepLimits, webhookLimits } from '#core/limits.ts';
import { acknowledge } from '../constructs/acknowledge.ts';
import { egressByName, scalerByName } from '../constructs/function-by-name.ts';
import { NodeFunction } from '../constructs/node-function.ts';
import { secretsOf } from '../constructs/secrets.ts';
import type { Deployment } from '../deployment.ts';
import { entries } from '../entries.ts';
import { costVariables } from './api-stack.ts';
import type { DataStack } from './data-stack.ts';

export interface ControlStackProps extends StackProps {
  readonly deployment: Deployment;
  readonly data: DataStack;
}

/** Files that are copied side by side. */
const dropsAtOnce = 4;

/** What waits longer than this is answered by the next tick anyway. */
const tickAge = Duration.millis(sweepLimits.everyMs);

export class ControlStack extends Stack {
  readonly functions: readonly NodeFunction[];
  /** Invocations that failed for good, with what they were given. */
  readonly failures: Queue;

  constructor(scope: Construct, id: string, props: ControlStackProps) {
    const { deployment, data, ...rest } = props;
    super(scope, id, rest);
    this.failures = this.failuresQueue();
    const sweep = new NodeFunction(this, 'Sweep', {
      deployment,
      entry: 'sweep',
      accesses: [data.ports(entries.sweep.operations), scalerByName(this, deployment)],
      variables: {},
    });
    const webhooks = new NodeFunction(this, 'Webhooks', {
      deployment,
      entry: 'webhooks',
      accesses: [
        data.ports(entries.webhooks.operations),
        secretsOf(this, deployment).reads(['PILOTLIGHT_WEBHOOK_KEY']),
      ],
      variables: {},
    });
    const batches = new NodeFunction(this, 'Batches', {
      deployment,
      entry: 'batches',
      accesses: [
        data.ports(entries.batches.operations),
        scalerByName(this, deployment),
        egressByName(this, deployment),
      ],
      variables: {},
      reservedConcurrency: 1,
    });
    const month = new NodeFunction(this, 'Month', {
      deployment,
      entry: 'month',
      accesses: [data.ports(entries.month.operations)],
      variables: costVariables(deployment),
    });
    this.functions = [sweep, webhooks, batches, month, this.deadLetters(props), this.drops(props)];
    for (const ticked of [sweep, webhooks, batches])
      this.keepFailures(ticked, { maxEventAge: tickAge, retryAttempts: 0 });
    this.keepFailures(month, { maxEventAge: Duration.hours(6), retryAttempts: 2 });
    this.tick('Minute', Duration.millis(sweepLimits.everyMs), [sweep, webhooks, batches]);
    this.tick('Day', Duration.days(1), [month]);
    this.watchTurns(webhooks, data);
  }

  private failuresQueue(): Queue {
    const queue = new Queue(this, 'Failures', {
      retentionPeriod: Duration.days(14),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    acknowledge(queue, {
      'AwsSolutions-SQS3': 'This is where failures end, for somebody to look at.',
      'Serverless-SQSRedrivePolicy': 'This is where failures end, for somebody to look at.',
    });
    return queue;
  }

  private deadLetters({ deployment, data }: ControlStackProps): NodeFunction {
    const deadLetters = new NodeFunction(this, 'DeadLetters', {
      deployment,
      entry: 'deadLetters',
      accesses: [data.ports(entries.deadLetters.operations)],
      variables: {},
    });
    for (const { deadLetters: queue } of data.queues.all) this.read(deadLetters, queue, { batchSize: 10 });
    return deadLetters;
  }

  private drops({ deployment, data }: ControlStackProps): NodeFunction {
    const drops = new NodeFunction(this, 'Drops', {
      deployment,
      entry: 'drops',
      accesses: [data.ports(entries.drops.operations)],
      variables: {},
    });
    // A tenant that drops a thousand files at once holds up other drops alone.
    this.read(drops, data.drops.queue, { batchSize: 1, maxConcurrency: dropsAtOnce });
    return drops;
  }

  private read(by: NodeFunction, queue: Queue, how: SqsEventSourceProps): void {
    by.lambda.addEventSource(new SqsEventSource(queue, { ...how, reportBatchItemFailures: true }));
    const stays = 'What could not be answered stays in a queue, which has an alarm, for fourteen days.';
    acknowledge(by, {
      'Serverless-LambdaDLQ': stays,
      'Serverless-LambdaEventSourceMappingDestination': stays,
    });
  }

  private keepFailures(
    { lambda }: NodeFunction,
    how: { readonly maxEventAge: Duration; readonly retryAttempts: number },
  ): void {
    lambda.configureAsyncInvoke({ ...how, onFailure: new SqsDestination(this.failures) });
    acknowledge(lambda, {
      'Serverless-LambdaDLQ': 'Its destination keeps what failed, with what it was given.',
    });
  }

  private tick(id: string, every: Duration, functions: readonly NodeFunction[]): void {
    const rule = new Rule(this, id, {
      description: `Every ${every.toHumanString()}: ${functions.map(({ entry }) => entry).join(', ')}`,
      schedule: Schedule.rate(every),
      targets: functions.map(({ lambda }) => new LambdaFunction(lambda)),
    });
    acknowledge(rule, {
      'Serverless-EventBusDLQ': 'What EventBridge could not hand over, the next tick makes good.',
    });
  }

  /** Whenever something is to be delivered, a tenant's turn is put or moved. */
  private watchTurns(webhooks: NodeFunction, { records }: DataStack): void {
    webhooks.lambda.addEventSource(
      new DynamoEventSource(records.main, {
        startingPosition: StartingPosition.LATEST,
        filters: [
          FilterCriteria.filter({
            eventName: FilterRule.or('INSERT', 'MODIFY'),
            dynamodb: { Keys: { sk: { S: FilterRule.isEqual(turnSortKey) } } },
          }),
        ],
        batchSize: 1_000,
        maxBatchingWindow: Duration.millis(webhookLimits.tickMs),
        // What it does not say, the next minute tick finds.
        retryAttempts: 0,
        maxRecordAge: tickAge,
        onFailure: new SqsDlq(this.failures),
      }),
    );
    acknowledge(webhooks, {
      'AwsSolutions-IAM5[Resource::*]': 'Lambda lists the streams of the account before it reads the one.',
    });
  }
}
