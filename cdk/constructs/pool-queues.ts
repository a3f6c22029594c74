/** Of each pool, the queue of its tickets and the one that those go to which nobody could do anything with. */
import { Duration, Stack } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { queueSettings } from '#aws/resources.ts';
import { entries } from '../entries.ts';
import { acknowledge } from './acknowledge.ts';

export interface PoolQueue {
  readonly pool: string;
  readonly queue: Queue;
  readonly deadLetters: Queue;
}

export interface PoolQueuesProps {
  readonly pools: readonly string[];
}

export class PoolQueues extends Construct {
  readonly all: readonly PoolQueue[];

  constructor(scope: Construct, id: string, { pools }: PoolQueuesProps) {
    super(scope, id);
    this.all = pools.map((pool) => this.poolQueue(pool));
  }

  /** JSON: queue URL by pool, as `PILOTLIGHT_QUEUE_URLS` wants it. */
  get urls(): string {
    return Stack.of(this).toJsonString(
      Object.fromEntries(this.all.map(({ pool, queue }) => [pool, queue.queueUrl])),
    );
  }

  private poolQueue(pool: string): PoolQueue {
    const { visibilitySeconds, receiveWaitSeconds, retentionSeconds, deadLetter } = queueSettings;
    const deadLetters = new Queue(this, `${pool}-dead`, {
      retentionPeriod: Duration.seconds(deadLetter.retentionSeconds),
      // Six times the function that answers them, as SQS advises for queues that functions read.
      visibilityTimeout: Duration.millis(6 * entries.deadLetters.timeoutMs),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    acknowledge(deadLetters, { 'Serverless-SQSRedrivePolicy': 'This is where letters end.' });
    const queue = new Queue(this, pool, {
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      receiveMessageWaitTime: Duration.seconds(receiveWaitSeconds),
      retentionPeriod: Duration.seconds(retentionSeconds),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: deadLetter.receivesMax },
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    return { pool, queue, deadLetters };
  }
}
