/** SDK clients with bounded waits and bounded retries. Endpoints and keys are overridden by config, never ad hoc. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { STSClient } from '@aws-sdk/client-sts';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { ticketLimits } from '#core/limits.ts';
import type { Clock } from '#core/ports/process.ts';
import { tellOutages } from './outage.ts';
import { systemClock } from './system-clock.ts';
import type { Session } from './tenant-sessions.ts';
import { assumeBySts, createTenantSessions } from './tenant-sessions.ts';

export const awsConfigSchema = z.object({
  region: z.string().min(1),
  table: z.string().min(1),
  ledgerTable: z.string().min(1),
  bucket: z.string().min(1),
  /** Id, ARN or alias (`alias/name`) of the key of encrypted volumes; absent: the account's own key for S3. */
  kmsKey: z.string().min(1).optional(),
  /** ARN of the role whose sessions see the files of one tenant; absent: those files are reached as everything else is. */
  tenantRole: z.string().min(1).optional(),
  /** Queue address by pool. */
  queueUrls: z.record(z.string(), z.url()),
  /** Only for a stack that is not AWS; the local one sets all three. */
  endpoints: z.object({ dynamodb: z.url(), sqs: z.url(), s3: z.url() }).optional(),
  /** Only for a stack that is not AWS; on AWS the role of the task or function counts. */
  credentials: z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }).optional(),
});

export type AwsConfig = z.infer<typeof awsConfigSchema>;

const clientLimits = {
  /** A connection within a region takes a few milliseconds. */
  connectMs: 2_000,
  /** DynamoDB answers in ~10 ms; five seconds is a lost packet, and the next try is likely to do better. */
  tableRequestMs: 5_000,
  /** SQS answers a long poll within 20 s; the rest is for the way. */
  queueRequestMs: ticketLimits.longPollMs + 10_000,
  /** The largest object is a picture of a few MiB. */
  blobRequestMs: 30_000,
  /** One first try and three more; the SDK's standard mode waits a jittered, doubling while in between. */
  attemptsMax: 4,
  /** Parallel requests of one process: 256 submitters must not wait for one another's sockets. */
  socketsMax: 256,
};

/**
 * An embedded stack shares its process, and its one thread, with its clients: a burst of requests is a wait for our own
 * turn there, and giving up early would only make more of them.
 */
const embeddedLimits: typeof clientLimits = {
  ...clientLimits,
  connectMs: 60_000,
  tableRequestMs: 60_000,
  queueRequestMs: 60_000,
  blobRequestMs: 60_000,
};

export interface Clients {
  readonly documents: DynamoDBDocumentClient;
  readonly queues: SQSClient;
  readonly blobs: S3Client;
  /** For files of this tenant and no others, for a quarter of an hour at least. */
  blobsOf(tenantId: string): Promise<S3Client>;
  close(): void;
}

/** @param clock tells when sessions end */
export function createClients(config: AwsConfig, clock: Pick<Clock, 'nowMs'> = systemClock): Clients {
  const limits = config.endpoints === undefined ? clientLimits : embeddedLimits;
  const dynamodb = new DynamoDBClient({
    ...common(config, config.endpoints?.dynamodb),
    requestHandler: handler(limits, limits.tableRequestMs),
  });
  const queues = new SQSClient({
    ...common(config, config.endpoints?.sqs),
    requestHandler: handler(limits, limits.queueRequestMs),
  });
  const blobs = createBlobClient(config);
  tellOutages(dynamodb.middlewareStack, 'dynamodb');
  tellOutages(queues.middlewareStack, 'sqs');
  return {
    documents: DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } }),
    queues,
    blobs,
    blobsOf: ofTenants(config, blobs, clock),
    close() {
      dynamodb.destroy();
      queues.destroy();
      blobs.destroy();
    },
  };
}

/** What S3 alone needs: prewarming a machine knows no table and no queue. */
export type BlobConfig = Pick<AwsConfig, 'region' | 'endpoints' | 'credentials'>;

export function createBlobClient(
  config: BlobConfig,
  requestHandler?: S3Client['config']['requestHandler'],
): S3Client {
  const limits = config.endpoints === undefined ? clientLimits : embeddedLimits;
  const blobs = new S3Client({
    ...common(config, config.endpoints?.s3),
    requestHandler: requestHandler ?? handler(limits, limits.blobRequestMs),
    // An emulator on a loopback address has no name per bucket.
    forcePathStyle: config.endpoints !== undefined,
  });
  tellOutages(blobs.middlewareStack, 's3');
  return blobs;
}

/** One client for each session; all of them share the connections of `blobs`. */
function ofTenants(
  config: AwsConfig,
  blobs: S3Client,
  clock: Pick<Clock, 'nowMs'>,
): (tenantId: string) => Promise<S3Client> {
  const { tenantRole } = config;
  if (tenantRole === undefined) return async () => blobs;
  const sts = new STSClient({
    ...common(config, undefined),
    requestHandler: handler(clientLimits, clientLimits.tableRequestMs),
  });
  const sessions = createTenantSessions(assumeBySts(sts, tenantRole), clock);
  const clients = new WeakMap<Session, S3Client>();
  return async (tenantId) => {
    const session = await sessions.of(tenantId);
    const known = clients.get(session);
    if (known !== undefined) return known;
    const { requestHandler } = blobs.config;
    const client = createBlobClient({ ...config, credentials: session }, requestHandler);
    clients.set(session, client);
    return client;
  };
}

function common(config: BlobConfig, endpoint: string | undefined) {
  return {
    region: config.region,
    maxAttempts: clientLimits.attemptsMax,
    retryMode: 'standard',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(config.credentials === undefined ? {} : { credentials: config.credentials }),
  };
}

function handler(limits: typeof clientLimits, requestTimeout: number) {
  const agent = { keepAlive: true, maxSockets: limits.socketsMax };
  return {
    connectionTimeout: limits.connectMs,
    requestTimeout,
    // Without this the SDK only logs that the time is up and goes on waiting.
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: agent,
  };
}
