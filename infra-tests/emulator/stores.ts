/** Tables, queues and bucket of `aws/resources.ts` in an emulator, as the adapters want to be told of them. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { AwsConfig } from '#aws/clients.ts';
import {
  bucketSettings,
  localDeadLetterName,
  localQueueName,
  queueSettings,
  tables,
} from '#aws/resources.ts';
import { createTables } from '#local/tables.ts';
import { type Emulator, emulatedCredentials, emulatedRegion } from './emulator.ts';

export interface EmulatedStores {
  /** Grows with {@link addPool}. */
  readonly config: AwsConfig;
  addPool(pool: string): Promise<void>;
  close(): void;
}

export async function makeStores({ endpoint }: Emulator): Promise<EmulatedStores> {
  const settings = { endpoint, region: emulatedRegion, credentials: emulatedCredentials };
  const dynamodb = new DynamoDBClient(settings);
  const queues = new SQSClient(settings);
  const blobs = new S3Client({ ...settings, forcePathStyle: true });
  await createTables(dynamodb);
  await blobs.send(new CreateBucketCommand({ Bucket: bucketSettings.localName }));
  const config: AwsConfig = {
    region: emulatedRegion,
    credentials: emulatedCredentials,
    table: tables.main.localName,
    ledgerTable: tables.ledger.localName,
    bucket: bucketSettings.localName,
    // What S3 takes where no key is named; ministack wants it named.
    kmsKey: 'alias/aws/s3',
    queueUrls: {},
    endpoints: { dynamodb: endpoint, sqs: endpoint, s3: endpoint },
  };
  return {
    config,
    async addPool(pool) {
      config.queueUrls[pool] = await createPoolQueues(queues, pool);
    },
    close() {
      dynamodb.destroy();
      queues.destroy();
      blobs.destroy();
    },
  };
}

/** The address of the pool's queue. */
async function createPoolQueues(queues: SQSClient, pool: string): Promise<string> {
  const { visibilitySeconds, receiveWaitSeconds, retentionSeconds, deadLetter } = queueSettings;
  const deadUrl = await createQueue(queues, localDeadLetterName(pool), {
    MessageRetentionPeriod: String(deadLetter.retentionSeconds),
  });
  const asked = new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ['QueueArn'] });
  const { Attributes } = await queues.send(asked);
  return createQueue(queues, localQueueName(pool), {
    VisibilityTimeout: String(visibilitySeconds),
    ReceiveMessageWaitTimeSeconds: String(receiveWaitSeconds),
    MessageRetentionPeriod: String(retentionSeconds),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: Attributes?.QueueArn,
      maxReceiveCount: deadLetter.receivesMax,
    }),
  });
}

async function createQueue(
  queues: SQSClient,
  name: string,
  attributes: Record<string, string>,
): Promise<string> {
  const { QueueUrl } = await queues.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  if (QueueUrl === undefined) throw new Error(`the queue ${name} was made without an address`);
  return QueueUrl;
}
