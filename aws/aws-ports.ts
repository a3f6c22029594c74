/** The composition of every AWS adapter: what a Lambda entry, a worker and the local stack build once per process. */
import type * as z from 'zod';
import { measuredPorts } from '#core/observability/measured.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import { tellAll } from '#core/observability/metrics.ts';
import type { Clock, Ids, Log } from '#core/ports/process.ts';
import type { StoragePorts } from '#core/ports/storage.ts';
import type { AwsConfig, Clients } from './clients.ts';
import { createClients } from './clients.ts';
import { createDynamoAdapters } from './dynamo-adapters.ts';
import { createDynamoBatches } from './dynamo-batches.ts';
import { createDynamoDeliveries } from './dynamo-deliveries.ts';
import { createDynamoEndpoints } from './dynamo-endpoints.ts';
import { createDynamoFiles } from './dynamo-files.ts';
import { createDynamoGates } from './dynamo-gates.ts';
import { createDynamoJobEvents } from './dynamo-job-events.ts';
import { createDynamoJobs } from './dynamo-jobs.ts';
import { createDynamoKeys } from './dynamo-keys.ts';
import { createDynamoLedger } from './dynamo-ledger.ts';
import { createDynamoMarks } from './dynamo-marks.ts';
import { createDynamoAliases, createDynamoPlans } from './dynamo-plans.ts';
import { createDynamoPools } from './dynamo-pools.ts';
import { createDynamoResults } from './dynamo-results.ts';
import { createDynamoStreams } from './dynamo-streams.ts';
import { createDynamoTenants } from './dynamo-tenants.ts';
import { createDynamoWorkers } from './dynamo-workers.ts';
import { createEmfMetrics } from './emf-metrics.ts';
import type { awsEnvSchema } from './env.ts';
import { awsConfigOf } from './env.ts';
import { createJsonLog } from './json-log.ts';
import { randomIds } from './random-ids.ts';
import { createS3AdapterFiles } from './s3-adapter-files.ts';
import { createS3Blobs } from './s3-blobs.ts';
import { createS3Drops } from './s3-drops.ts';
import { createSqsTickets } from './sqs-tickets.ts';
import { systemClock } from './system-clock.ts';

export interface AwsPorts extends StoragePorts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Where the numbers of the ports go: for those of the process beside them. */
  readonly metrics: Metrics;
  /** Closes idle connections; calls under way fail. */
  close(): void;
}

export interface GivenPorts {
  /** @default the machine's */
  readonly clock?: Clock;
  /** @default on stderr */
  readonly log?: Log;
  /** @default told to nobody */
  readonly metrics?: Metrics;
}

/** Of a function or a worker: everything as its environment says, its metrics on stdout for CloudWatch and to `also`. */
export function createPortsOfProcess(
  env: z.infer<typeof awsEnvSchema>,
  also: readonly Metrics[] = [],
): AwsPorts {
  const forCloudWatch = createEmfMetrics({ clock: systemClock, deployment: env.PILOTLIGHT_DEPLOYMENT });
  return createAwsPorts(awsConfigOf(env), { metrics: tellAll([forCloudWatch, ...also]) });
}

/** @param config where everything is; parse it with `awsConfigSchema` at the edge */
export function createAwsPorts(config: AwsConfig, given: GivenPorts = {}): AwsPorts {
  return awsPortsOver(createClients(config, given.clock), config, given);
}

/** The same over clients that the caller made, as a test does that watches what they send. */
export function awsPortsOver(
  { documents, queues, blobs, blobsOf, close }: Clients,
  config: AwsConfig,
  given: GivenPorts = {},
): AwsPorts {
  const clock = given.clock ?? systemClock;
  const log = given.log ?? createJsonLog(clock);
  const metrics = given.metrics ?? tellAll([]);
  const files = { blobs, blobsOf, bucket: config.bucket };
  const main = { documents, table: config.table, clock, log };
  const ports: AwsPorts = {
    clock,
    ids: randomIds,
    log,
    metrics,
    jobs: createDynamoJobs(main),
    jobEvents: createDynamoJobEvents(main),
    streams: createDynamoStreams(main),
    marks: createDynamoMarks(main),
    gates: createDynamoGates(main),
    tenants: createDynamoTenants(main),
    keys: createDynamoKeys(main),
    plans: createDynamoPlans(main),
    aliases: createDynamoAliases(main),
    pools: createDynamoPools(main),
    workers: createDynamoWorkers(main),
    ledger: createDynamoLedger({ documents, table: config.ledgerTable }),
    tickets: createSqsTickets({ queues, queueUrls: config.queueUrls, log }),
    blobs: createS3Blobs({ ...files, kmsKey: config.kmsKey }),
    results: createDynamoResults(main),
    endpoints: createDynamoEndpoints(main),
    deliveries: createDynamoDeliveries(main),
    adapters: createDynamoAdapters(main),
    adapterFiles: createS3AdapterFiles(files),
    files: createDynamoFiles(main),
    batches: createDynamoBatches(main),
    drops: createS3Drops({ ...files, kmsKey: config.kmsKey }),
    close,
  };
  return measuredPorts(ports, metrics);
}
