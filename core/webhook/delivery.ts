/**
 * One event on its way to one endpoint: what is to be sent, when next, and how every try went. Its id is made from
 * tenant, endpoint, event and job, so whoever records the event again meets the same record, and every try of the
 * message carries the same `webhook-id`.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { BatchRecord } from '../batch/batch.ts';
import { crockfordOf } from '../canonical.ts';
import type { OutboundFailure } from '../egress/outbound.ts';
import type { EgressRule } from '../egress/policy.ts';
import { egressRules } from '../egress/policy.ts';
import type { JobRecord } from '../job/job.ts';
import { webhookLimits } from '../limits.ts';
import type { EndpointRecord } from './endpoint.ts';
import { defaultEndpointId } from './endpoint.ts';
import type { WebhookEvent } from './event.ts';
import { endEventOf, eventsOf, testEvent, webhookEvents } from './event.ts';

const wholeSchema = z.int().nonnegative();

export const deliveryStatuses = ['pending', 'delivered', 'failed'] as const;

/**
 * Why nobody tries any more:
 * - `exhausted`: every try of the schedule failed.
 * - `gone`: the receiver answered 410.
 * - `refused`: the guard of outgoing requests forbids the address.
 * - `endpoint_disabled`, `endpoint_deleted`: since the event happened.
 * - `job_gone`, `batch_gone`: the job or batch is past its retention.
 */
export const giveUpReasons = [
  'exhausted',
  'gone',
  'refused',
  'endpoint_disabled',
  'endpoint_deleted',
  'job_gone',
  'batch_gone',
] as const;

const failures: readonly OutboundFailure[] = ['dns', 'connect', 'tls', 'timeout', 'reset', 'protocol'];
/** As `failures`, or the rule by which the address was refused. */
export const tryErrors = [...failures, ...(Object.keys(egressRules) as EgressRule[])] as const;

const trySchema = z.object({
  atMs: wholeSchema,
  durationMs: wholeSchema,
  /** What the receiver answered; null when it did not. */
  status: z.int().nullable(),
  error: z.enum(tryErrors as [TryError, ...TryError[]]).nullable(),
});

export const deliveryRecordSchema = z.object({
  tenantId: z.string(),
  deliveryId: z.string(),
  endpointId: z.string(),
  event: z.enum(webhookEvents),
  /** Null for a test, and of what is no job's. */
  jobId: z.string().nullable(),
  /** Null of what is no batch's. */
  batchId: z.string().nullable().default(null),
  /** Where to, for the default endpoint; others say it themselves. */
  url: z.string().nullable(),
  eventAtMs: wholeSchema,
  status: z.enum(deliveryStatuses),
  reason: z.enum(giveUpReasons).nullable(),
  /** When it is tried next; null once it is not pending. */
  nextAtMs: wholeSchema.nullable(),
  /** Tries since it was recorded or replayed; the one under way included. */
  triesSpent: wholeSchema,
  /** When the first of those began. */
  firstTryAtMs: wholeSchema.nullable(),
  /** The last ones, oldest first. */
  tries: z.array(trySchema),
  /** The log holds it until then; null while it is pending. */
  keptUntilMs: wholeSchema.nullable(),
  version: wholeSchema,
});

export type TryError = OutboundFailure | EgressRule;
export type DeliveryRecord = z.infer<typeof deliveryRecordSchema>;
export type DeliveryTry = z.infer<typeof trySchema>;
export type GiveUpReason = (typeof giveUpReasons)[number];

/** Records of every event of the job so far that somebody subscribed to, as they are when they are new. */
export function deliveriesOf(job: JobRecord, endpoints: readonly EndpointRecord[]): DeliveryRecord[] {
  const { tenantId, jobId, webhook } = job;
  return eventsOf(job).flatMap(({ event, atMs }) => {
    const about = { tenantId, jobId, batchId: null, event, eventAtMs: atMs };
    const told = endpoints
      .filter(({ url, disabled, events }) => url !== null && disabled === null && events.includes(event))
      .map(({ endpointId }) => newDelivery({ ...about, endpointId, url: null }));
    if (webhook?.events.includes(event) !== true) return told;
    return [...told, newDelivery({ ...about, endpointId: defaultEndpointId, url: webhook.url })];
  });
}

/** Records of the end of a batch, for everybody who subscribed to it; none while it has not ended. */
export function deliveriesOfBatch(
  batch: BatchRecord,
  endpoints: readonly EndpointRecord[],
): DeliveryRecord[] {
  const { tenantId, batchId, endedAtMs } = batch;
  const event = endEventOf(batch);
  if (event === null || endedAtMs === null) return [];
  const about = { tenantId, jobId: null, batchId, event, eventAtMs: endedAtMs, url: null };
  return endpoints
    .filter(({ url, disabled, events }) => url !== null && disabled === null && events.includes(event))
    .map(({ endpointId }) => newDelivery({ ...about, endpointId }));
}

/** `nonce` tells tests of one instant apart. */
export function testDelivery(
  { tenantId, endpointId }: EndpointRecord,
  nowMs: number,
  nonce: string,
): DeliveryRecord {
  const about = {
    tenantId,
    endpointId,
    event: testEvent,
    eventAtMs: nowMs,
    jobId: null,
    batchId: null,
    url: null,
  } as const;
  return { ...newDelivery(about), deliveryId: deliveryId({ ...about, subject: nonce }) };
}

type About = Pick<
  DeliveryRecord,
  'tenantId' | 'endpointId' | 'event' | 'eventAtMs' | 'jobId' | 'batchId' | 'url'
>;

function newDelivery(about: About): DeliveryRecord {
  return {
    ...about,
    deliveryId: deliveryId({ ...about, subject: about.jobId ?? about.batchId ?? '' }),
    status: 'pending',
    reason: null,
    nextAtMs: about.eventAtMs,
    triesSpent: 0,
    firstTryAtMs: null,
    tries: [],
    keptUntilMs: null,
    version: 1,
  };
}

/**
 * `whd_` + 26 Crockford base32 characters: ten of the time of the event, so that ids sort by it (as github.com/ulid/spec
 * has it), and sixteen (80 bits) of a hash of what the event is about.
 */
function deliveryId(about: {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly event: WebhookEvent;
  readonly eventAtMs: number;
  readonly subject: string;
}): string {
  const named = ['delivery', about.tenantId, about.endpointId, about.event, about.subject].join('\0');
  const hash = createHash('sha256').update(named).digest();
  const time = Buffer.alloc(8);
  // Fifty bits at the top of the eight bytes: what ten characters take.
  time.writeBigUInt64BE(BigInt(about.eventAtMs) << 14n);
  return `whd_${crockfordOf(time, 10)}${crockfordOf(hash, 16)}`;
}

/** Taken for one try: nobody else tries it until that must have ended. */
export function claimed(delivery: DeliveryRecord, nowMs: number): DeliveryRecord {
  return next(delivery, {
    triesSpent: delivery.triesSpent + 1,
    firstTryAtMs: delivery.firstTryAtMs ?? nowMs,
    nextAtMs: nowMs + webhookLimits.claimMs,
  });
}

export function delivered(delivery: DeliveryRecord, seen: DeliveryTry): DeliveryRecord {
  return ended(withTry(delivery, seen), 'delivered', null, seen.atMs + seen.durationMs);
}

export function givenUp(
  delivery: DeliveryRecord,
  reason: GiveUpReason,
  nowMs: number,
  seen: DeliveryTry | null = null,
): DeliveryRecord {
  return ended(seen === null ? delivery : withTry(delivery, seen), 'failed', reason, nowMs);
}

/** After a try that failed and is worth another, `delayMs` from now; null: it was the last. */
export function postponed(
  delivery: DeliveryRecord,
  seen: DeliveryTry,
  delayMs: number | null,
  nowMs: number,
): DeliveryRecord {
  if (delayMs === null) return givenUp(delivery, 'exhausted', nowMs, seen);
  return next(withTry(delivery, seen), { nextAtMs: nowMs + delayMs });
}

/** Once more from the beginning, under the same id; what was tried before stays in the log. */
export function replayed(delivery: DeliveryRecord, nowMs: number): DeliveryRecord {
  return next(delivery, {
    status: 'pending',
    reason: null,
    nextAtMs: nowMs,
    triesSpent: 0,
    firstTryAtMs: null,
    keptUntilMs: null,
  });
}

function ended(
  delivery: DeliveryRecord,
  status: 'delivered' | 'failed',
  reason: GiveUpReason | null,
  nowMs: number,
): DeliveryRecord {
  // Whole seconds: stores expire by the second.
  const keptUntilMs = Math.ceil((nowMs + webhookLimits.logKeptMs) / 1000) * 1000;
  return next(delivery, { status, reason, nextAtMs: null, keptUntilMs });
}

function withTry(delivery: DeliveryRecord, seen: DeliveryTry): DeliveryRecord {
  return { ...delivery, tries: [...delivery.tries, seen].slice(-webhookLimits.triesKept) };
}

function next(delivery: DeliveryRecord, change: Partial<DeliveryRecord>): DeliveryRecord {
  return { ...delivery, ...change, version: delivery.version + 1 };
}

/** Whether the log still shows it. */
export function isKept({ keptUntilMs }: DeliveryRecord, nowMs: number): boolean {
  return keptUntilMs === null || nowMs < keptUntilMs;
}
