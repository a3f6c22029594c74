/**
 * One try to hand a message to its receiver.
 *
 * 1. claim: one conditional write counts the try and keeps others away for `webhookLimits.claimMs`. A crash from here on
 *    costs that long, and then the message is sent again: at least once, never silently not;
 * 2. send, signed anew, under the id that every try of this message has;
 * 3. record what came of it: delivered, given up with the reason, or when to try next;
 * 4. note on the endpoint whether anything gets through to it. A crash before this is made up for by the next try.
 */
import type { Outbound, OutboundAnswer } from '../egress/outbound.ts';
import { webhookLimits } from '../limits.ts';
import type { Batches } from '../ports/batches.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { Deliveries, Endpoints } from '../ports/webhooks.ts';
import type { DeliveryRecord, DeliveryTry, GiveUpReason } from '../webhook/delivery.ts';
import { claimed, delivered, givenUp, postponed } from '../webhook/delivery.ts';
import type { EndpointRecord, Receipt } from '../webhook/endpoint.ts';
import { afterReceipt, defaultEndpointId, secretsInForce, unstoredDefault } from '../webhook/endpoint.ts';
import { isBatchEvent, testEvent } from '../webhook/event.ts';
import { batchMessage, jobMessage, testMessage } from '../webhook/message.ts';
import { readRetryAfter, retryDelayMs } from '../webhook/retry.ts';
import { signedHeaders } from '../webhook/sign.ts';
import type { DialectMessage } from './dialect-message.ts';
import { dialectMessage } from './dialect-message.ts';
import type { TellOutputsPorts } from './tell-outputs.ts';

export interface TryPorts {
  readonly batches: Pick<Batches, 'get'>;
  readonly blobs: TellOutputsPorts['blobs'];
  /** Draws from 0 to 1. */
  readonly chance: () => number;
  readonly clock: Clock;
  readonly deliveries: Deliveries;
  readonly endpoints: Pick<Endpoints, 'get' | 'put'>;
  readonly jobs: Pick<Jobs, 'get'>;
  readonly log: Log;
  readonly outbound: Outbound;
  /** Secret that the secrets of endpoints are derived from. */
  readonly webhookKey: string;
}

interface Letter {
  readonly url: string;
  readonly body: string;
  readonly endpoint: EndpointRecord;
  /** Of a message in a dialect: what goes beside our own headers. */
  readonly headers?: DialectMessage['headers'];
}

/**
 * When it is to be tried again; null: never, or that is for somebody else to know. No effect when somebody else tries it, or has
 * tried it, since it was read.
 */
export async function tryDelivery(ports: TryPorts, delivery: DeliveryRecord): Promise<number | null> {
  const { clock, deliveries } = ports;
  if (delivery.triesSpent > webhookLimits.retryDelaysMs.length) {
    // Whoever tried it for the last time died over it.
    await deliveries.put(givenUp(delivery, 'exhausted', clock.nowMs()));
    return null;
  }
  const taken = claimed(delivery, clock.nowMs());
  if ((await deliveries.put(taken)) === 'conflict') return null;
  const letter = await letterFor(ports, taken);
  if ('reason' in letter) {
    await deliveries.put(givenUp(taken, letter.reason, clock.nowMs()));
    tell(ports, taken, { outcome: letter.reason });
    return null;
  }
  return post(ports, taken, letter);
}

async function letterFor(
  ports: TryPorts,
  { tenantId, endpointId, event, eventAtMs, jobId, batchId, url: ownUrl }: DeliveryRecord,
): Promise<Letter | { readonly reason: GiveUpReason }> {
  const { batches, endpoints, jobs } = ports;
  const isDefault = endpointId === defaultEndpointId;
  const stored = await endpoints.get(tenantId, endpointId);
  const endpoint = stored ?? (isDefault ? unstoredDefault(tenantId) : null);
  const url = isDefault ? ownUrl : endpoint?.url;
  if (endpoint === null || typeof url !== 'string') return { reason: 'endpoint_deleted' };
  if (event === testEvent) return { endpoint, url, body: testMessage(eventAtMs, endpointId) };
  if (endpoint.disabled !== null) return { reason: 'endpoint_disabled' };
  if (isBatchEvent(event)) {
    const batch = await batches.get(tenantId, batchId ?? '');
    if (batch === null) return { reason: 'batch_gone' };
    return { endpoint, url, body: batchMessage(event, eventAtMs, batch) };
  }
  const job = await jobs.get(tenantId, jobId ?? '', { consistent: true });
  if (job === null) return { reason: 'job_gone' };
  const form = isDefault ? job.webhook?.form : undefined;
  if (form !== undefined) return { endpoint, url, ...(await dialectMessage(ports, job, form)) };
  return { endpoint, url, body: jobMessage(event, eventAtMs, job) };
}

async function post(ports: TryPorts, taken: DeliveryRecord, letter: Letter): Promise<number | null> {
  const { clock, outbound, webhookKey } = ports;
  const { url, body, endpoint } = letter;
  const atMs = clock.nowMs();
  const secrets = secretsInForce(endpoint, atMs);
  const answer = await outbound.send({
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Pilotlight',
      ...signedHeaders(webhookKey, { id: taken.deliveryId, body }, { secrets, nowMs: atMs }),
      ...letter.headers?.({ webhookKey, secrets, nowMs: atMs }),
    },
    body: new TextEncoder().encode(body),
    timeoutMs: webhookLimits.timeoutMs,
    answerBytesMax: webhookLimits.answerBytesMax,
  });
  const nowMs = clock.nowMs();
  const seen = seenTry(answer, atMs, nowMs);
  const { next, receipt } = judge(ports, taken, { answer, seen, nowMs });
  await ports.deliveries.put(next);
  tell(ports, taken, {
    outcome: next.reason ?? next.status,
    status: seen.status,
    error: seen.error,
    durationMs: seen.durationMs,
  });
  const healed = endpoint.url === null ? null : afterReceipt(endpoint, receipt, nowMs);
  // Another try's note came first: it says as much.
  if (healed !== null) await ports.endpoints.put(healed);
  return next.status === 'pending' ? next.nextAtMs : null;
}

function seenTry(answer: OutboundAnswer, atMs: number, nowMs: number): DeliveryTry {
  // A clock may be set back meanwhile.
  const durationMs = Math.max(0, nowMs - atMs);
  switch (answer.kind) {
    case 'answered':
      return { atMs, durationMs, status: answer.status, error: null };
    case 'refused':
      return { atMs, durationMs, status: null, error: answer.rule };
    case 'failed':
      return { atMs, durationMs, status: null, error: answer.reason };
  }
}

/** Any 2xx takes the message, 410 asks for no more; every other answer, a redirect too, is a failure to try again. */
function judge(
  { chance }: TryPorts,
  taken: DeliveryRecord,
  { answer, seen, nowMs }: { answer: OutboundAnswer; seen: DeliveryTry; nowMs: number },
): { next: DeliveryRecord; receipt: Receipt } {
  if (answer.kind === 'refused') return { next: givenUp(taken, 'refused', nowMs, seen), receipt: 'failed' };
  const status = answer.kind === 'answered' ? answer.status : 0;
  if (status >= 200 && status <= 299) return { next: delivered(taken, seen), receipt: 'taken' };
  if (status === 410) return { next: givenUp(taken, 'gone', nowMs, seen), receipt: 'gone' };
  const retryAfter = answer.kind === 'answered' ? answer.headers['retry-after'] : undefined;
  const delayMs = retryDelayMs({
    triesSpent: taken.triesSpent,
    retryAfterMs: readRetryAfter(retryAfter, nowMs),
    sinceFirstMs: nowMs - (taken.firstTryAtMs ?? nowMs),
    chance: chance(),
  });
  return { next: postponed(taken, seen, delayMs, nowMs), receipt: 'failed' };
}

/** Neither address nor body: they are the tenant's, and an address may hold a token. */
function tell(
  { log }: TryPorts,
  { tenantId, jobId, batchId, endpointId, deliveryId, event, triesSpent }: DeliveryRecord,
  came: Readonly<Record<string, string | number | null>>,
): void {
  log.info('webhook.tried', {
    tenantId,
    jobId,
    batchId,
    endpointId,
    deliveryId,
    event,
    tries: triesSpent,
    ...came,
  });
}
