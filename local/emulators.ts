/**
 * The embedded stack: SQS, S3 and DynamoDB in this process, persistent in one folder, on the loopback address, with
 * every resource of `aws/resources.ts` made at boot. A killed process loses nothing it acknowledged.
 */
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoDBClient, InternalServerError } from '@aws-sdk/client-dynamodb';
import type { AwsConfig } from '#aws/clients.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { bucketSettings, tables } from '#aws/resources.ts';
import { systemClock } from '#aws/system-clock.ts';
import { StartError } from '#core/errors.ts';
import type { Log } from '#core/ports/process.ts';
import { startLocalTables } from './dynalite.ts';
import { startLocalQueuesAndBlobs } from './fauxqs.ts';
import { isFull } from './full-disk.ts';
import { holdStores } from './stores/hold.ts';
import { createTables } from './tables.ts';

export interface EmulatorOptions {
  readonly dataDir: string;
  /** Pools whose queues are made at boot. */
  readonly pools: readonly string[];
  /**
   * Ports on the loopback address.
   * @default free ones
   */
  readonly ports?: { readonly dynamodb?: number; readonly queuesAndBlobs?: number };
  /**
   * Hears when the stores cannot write.
   * @default standard error
   */
  readonly log?: Log;
}

export interface Emulators {
  /** For `createAwsPorts`; grows with {@link addPool}. */
  readonly config: AwsConfig;
  addPool(pool: string): void;
  /** The queue that is told of dropped files. */
  readonly dropQueueUrl: string;
  close(): Promise<void>;
}

/** Nothing checks them; the SDK signs with nothing less. */
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const region = 'us-east-1';

/** @throws StartError `data_unwritable`, `data_in_use`, `data_broken`, `data_full`, `port_in_use` */
export async function startEmulators(options: EmulatorOptions): Promise<Emulators> {
  const { dataDir, pools, ports = {}, log = createJsonLog(systemClock) } = options;
  await makeWritable(dataDir);
  const hold = await holdStores(dataDir);
  try {
    const opened = await openStores({ dataDir, pools, ports, log });
    return {
      ...opened,
      async close() {
        await opened.close();
        await hold.release();
      },
    };
  } catch (error) {
    hold.abandon();
    throw error;
  }
}

async function openStores({ dataDir, pools, ports, log }: Required<EmulatorOptions>): Promise<Emulators> {
  const dynamodb = await startLocalTables({
    folder: join(dataDir, 'dynamodb'),
    port: ports.dynamodb ?? 0,
    log,
    clock: systemClock,
  });
  try {
    await createTablesAt(dynamodb.endpoint);
    const other = await startLocalQueuesAndBlobs(dataDir, ports.queuesAndBlobs ?? 0);
    const config: AwsConfig = {
      region,
      credentials,
      table: tables.main.localName,
      ledgerTable: tables.ledger.localName,
      bucket: bucketSettings.localName,
      queueUrls: {},
      endpoints: { dynamodb: dynamodb.endpoint, sqs: other.endpoint, s3: other.endpoint },
    };
    const addPool = (pool: string) => {
      config.queueUrls[pool] = other.addPool(pool);
    };
    for (const pool of pools) addPool(pool);
    return {
      config,
      addPool,
      dropQueueUrl: other.dropQueueUrl,
      async close() {
        await other.close();
        await dynamodb.close();
      },
    };
  } catch (error) {
    await dynamodb.close();
    throw error instanceof InternalServerError ? new StartError('data_full', dataDir, error) : error;
  }
}

/** @throws StartError `data_unwritable`, `data_full` */
export async function makeWritable(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(isFull(error) ? 'data_full' : 'data_unwritable', dataDir, error);
  }
}

async function createTablesAt(endpoint: string): Promise<void> {
  const client = new DynamoDBClient({ endpoint, region, credentials });
  try {
    await createTables(client);
  } finally {
    client.destroy();
  }
}
