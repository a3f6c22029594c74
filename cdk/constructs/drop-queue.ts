/** The queue that S3 tells of dropped files, and the one that those go to which nobody could take. */
import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { dropQueueSettings } from '#aws/resources.ts';
import { acknowledge } from './acknowledge.ts';

export class DropQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const { visibilitySeconds, receivesMax, retentionSeconds } = dropQueueSettings;
    const kept = {
      retentionPeriod: Duration.seconds(retentionSeconds),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    };
    this.deadLetters = new Queue(this, 'Dead', kept);
    acknowledge(this.deadLetters, { 'Serverless-SQSRedrivePolicy': 'This is where letters end.' });
    this.queue = new Queue(this, 'Queue', {
      ...kept,
      visibilityTimeout: Duration.seconds(visibilitySeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: receivesMax },
    });
    // By its account: the bucket asks for this queue, so its own name cannot be asked for here.
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
  }
}
