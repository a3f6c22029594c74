/**
 * SQS and S3 for the local stack: fauxqs on SQLite, in process, put together here from its parts because its own
 * `startFauxqs` (version 2.4.1, pinned) does what a laptop must not suffer:
 * - it listens on every interface, whatever host it is given;
 * - handing a message back (visibility 0) breaks its own NOT NULL column and drops the message from memory;
 * - a long poll whose client is gone still takes the next message and hides it for a whole visibility timeout;
 * - every write waits for the disk (`synchronous=FULL`) while the event loop stands still. `NORMAL` loses nothing to a
 *   killed process, only the last moment to a power cut, as LevelDB does beside it;
 * - it hides a message until an hour of the wall clock, so one that jumps back hides it for that long more. SQS's own
 *   clock does not jump; here the hours move with it.
 */
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { buildApp } from 'fauxqs';
import {
  bucketSettings,
  dropQueueSettings,
  localDeadLetterName,
  localQueueName,
  queueSettings,
} from '#aws/resources.ts';
import { StartError } from '#core/errors.ts';
import { ticketLimits } from '#core/limits.ts';
import { tellDrops } from './drop-notices.ts';
import { isFull } from './full-disk.ts';
import { listenFault, loopback } from './listen.ts';

export interface LocalQueuesAndBlobs {
  readonly endpoint: string;
  /** Makes the pool's queues if they are not there, brings their settings up to date, and answers the address. */
  addPool(pool: string): string;
  /** The queue that is told of dropped files. */
  readonly dropQueueUrl: string;
  close(): Promise<void>;
}

type Stores = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>;
type SqsStore = Stores['sqsStore'];
type SqsQueue = NonNullable<ReturnType<SqsStore['getQueue']>>;

/** fauxqs's persistence, which its package does not export. */
interface Persistence {
  readonly db: {
    exec(sql: string): void;
    prepare(sql: string): { run(...values: string[]): unknown };
  };
  updateMessageReady: (messageId: string) => void;
  load(sqs: SqsStore, sns: Stores['snsStore'], s3: Stores['s3Store']): void;
  close(): void;
}

interface Parts extends Stores {
  readonly messageOf: (body: string) => Parameters<SqsQueue['enqueue']>[0];
  readonly persistence: Persistence;
}

const region = 'us-east-1';
const account = '000000000000';

/**
 * Opens the store in `folder` and serves it on the loopback address.
 * @throws StartError `data_broken`, `port_in_use`
 */
export async function startLocalQueuesAndBlobs(folder: string, port: number): Promise<LocalQueuesAndBlobs> {
  const { persistence, messageOf, ...stores } = await load(folder);
  const app = buildApp({ logger: false, stores });
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.headers['x-amz-target'] === undefined) allowOrigins(reply);
    return payload;
  });
  app.addHook('preSerialization', async (request, _reply, payload) => {
    if (fieldOf(payload, 'Messages') === undefined) return payload;
    // A turn of the event loop, so that a hang-up already under way is seen.
    await setImmediate();
    const { socket } = request.raw;
    if (socket.destroyed || socket.readableEnded) handBack(stores.sqsStore, request.body, payload);
    return payload;
  });
  const stopKeeping = keepTime(stores.sqsStore, persistence);
  app.addHook('onClose', async () => {
    stopKeeping();
    persistence.close();
  });
  if (!stores.s3Store.hasBucket(bucketSettings.localName))
    stores.s3Store.createBucket(bucketSettings.localName);
  try {
    // Hooks are taken before it listens, and the queue's address is known after.
    let drops: SqsQueue | undefined;
    tellDrops(app, (message) => drops?.enqueue(messageOf(message)));
    const endpoint = await app.listen({ port, host: loopback });
    drops = dropQueue(stores.sqsStore, endpoint);
    return {
      endpoint,
      dropQueueUrl: `${endpoint}/${account}/${drops.name}`,
      addPool: (pool) => addPool(stores.sqsStore, endpoint, pool),
      close: () => app.close(),
    };
  } catch (error) {
    await app.close();
    throw listenFault(error, port);
  }
}

async function load(folder: string): Promise<Parts> {
  const manifest = findPackageJSON('fauxqs', import.meta.url);
  if (manifest === undefined) throw new Error('the package fauxqs is not installed');
  const part = (path: string) => import(pathToFileURL(join(dirname(manifest), 'dist', path)).href);
  const [{ PersistenceManager }, { SqsStore }, { SnsStore }, { S3Store }] = await Promise.all([
    part('persistence.js'),
    part('sqs/sqsStore.js'),
    part('sns/snsStore.js'),
    part('s3/s3Store.js'),
  ]);
  const stores: Stores = { sqsStore: new SqsStore(), snsStore: new SnsStore(), s3Store: new S3Store() };
  let persistence: Persistence;
  try {
    persistence = new PersistenceManager(folder);
    persistence.db.exec('PRAGMA synchronous = NORMAL');
    boundHiding(persistence);
    // Before the stores know of it: a queue that is made again replaces its row, and its messages go with the row.
    persistence.load(stores.sqsStore, stores.snsStore, stores.s3Store);
  } catch (error) {
    throw new StartError(isFull(error) ? 'data_full' : 'data_broken', folder, error);
  }
  const ready = persistence.db.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  );
  persistence.updateMessageReady = (messageId) => ready.run(messageId);
  return { ...attached(stores, persistence), persistence, messageOf: (body) => SqsStore.createMessage(body) };
}

/** Nothing hides a ticket for longer than this, unless the clock was moved while nobody ran. */
function boundHiding({ db }: Persistence): void {
  const latestMs = String(Date.now() + ticketLimits.visibilityMs);
  db.prepare(
    'UPDATE sqs_messages SET visibility_deadline = CAST(? AS INTEGER) WHERE visibility_deadline > CAST(? AS INTEGER)',
  ).run(latestMs, latestMs);
}

const clockLookMs = 1_000;
/** Less is a clock being set right by and by. */
const jumpMsMin = 2_000;

/** Moves what is hidden along with a wall clock that jumps. The answer ends it. */
function keepTime(sqs: SqsStore, { db }: Persistence): () => void {
  const move = db.prepare(
    'UPDATE sqs_messages SET visibility_deadline = visibility_deadline + CAST(? AS INTEGER) WHERE visibility_deadline IS NOT NULL',
  );
  const ahead = () => Date.now() - performance.now();
  let aheadMs = ahead();
  const timer = setInterval(() => {
    const jumpMs = Math.round(ahead() - aheadMs);
    if (Math.abs(jumpMs) < jumpMsMin) return;
    try {
      move.run(String(jumpMs));
    } catch {
      // A full disk: moved in memory only, and bounded at the next start.
    }
    aheadMs += jumpMs;
    for (const queue of sqs.allQueues()) {
      for (const held of queue.inflightMessages.values()) held.visibilityDeadline += jumpMs;
    }
  }, clockLookMs).unref();
  return () => clearInterval(timer);
}

function attached(stores: Stores, persistence: Persistence): Stores {
  // The private class behind our interface: one instance of it, made a few lines above.
  const own = persistence as unknown as SqsStore['persistence'] & Stores['s3Store']['persistence'];
  stores.sqsStore.persistence = own;
  stores.s3Store.persistence = own;
  for (const queue of stores.sqsStore.allQueues()) queue.persistence = own;
  return stores;
}

function addPool(sqs: SqsStore, endpoint: string, pool: string): string {
  const dead = queue(sqs, endpoint, localDeadLetterName(pool), {
    MessageRetentionPeriod: String(queueSettings.deadLetter.retentionSeconds),
  });
  const main = queue(sqs, endpoint, localQueueName(pool), {
    VisibilityTimeout: String(queueSettings.visibilitySeconds),
    MessageRetentionPeriod: String(queueSettings.retentionSeconds),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: dead.arn,
      maxReceiveCount: queueSettings.deadLetter.receivesMax,
    }),
  });
  return `${endpoint}/${account}/${main.name}`;
}

function dropQueue(sqs: SqsStore, endpoint: string): SqsQueue {
  const { localName, localDeadLetterName: deadName, retentionSeconds, receivesMax } = dropQueueSettings;
  const kept = { MessageRetentionPeriod: String(retentionSeconds) };
  const dead = queue(sqs, endpoint, deadName, kept);
  return queue(sqs, endpoint, localName, {
    ...kept,
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: receivesMax }),
  });
}

function queue(sqs: SqsStore, endpoint: string, name: string, attributes: Record<string, string>): SqsQueue {
  const known = sqs.getQueueByName(name);
  if (known === undefined) {
    const arn = `arn:aws:sqs:${region}:${account}:${name}`;
    return sqs.createQueue(name, `${endpoint}/${account}/${name}`, arn, attributes);
  }
  known.setAttributes(attributes);
  return known;
}

/** The answer of a receive whose client is gone: its messages were delivered to nobody. */
function handBack(sqs: SqsStore, request: unknown, answer: unknown): void {
  const url = fieldOf(request, 'QueueUrl');
  const messages = fieldOf(answer, 'Messages');
  const from = typeof url === 'string' ? sqs.getQueue(url) : undefined;
  if (from === undefined || !Array.isArray(messages)) return;
  for (const message of messages) {
    const receipt = fieldOf(message, 'ReceiptHandle');
    const held = typeof receipt === 'string' ? from.inflightMessages.get(receipt) : undefined;
    if (held === undefined) continue;
    held.message.approximateReceiveCount -= 1;
    from.changeVisibility(held.receiptHandle, 0);
  }
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}

/** The bucket's CORS rule, which fauxqs knows nothing of. */
function allowOrigins(reply: { header(name: string, value: string): unknown }): void {
  for (const origin of bucketSettings.cors.origins) reply.header('access-control-allow-origin', origin);
}
