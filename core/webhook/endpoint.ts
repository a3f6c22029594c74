/**
 * Where a tenant wants to be told, and of what. An endpoint is `active` or `disabled`; a disabled one is told of nothing
 * until a test message of its owner's gets through.
 */
import * as z from 'zod';
import { webhookLimits } from '../limits.ts';
import type { SubscribableEvent } from './event.ts';
import { subscribableEvents } from './event.ts';
import type { SecretName } from './secret.ts';

const wholeSchema = z.int().nonnegative();

/**
 * - `gone`: its receiver answered 410.
 * - `failing`: nothing got through for `webhookLimits.disableAfterMs`.
 */
export const disabledReasons = ['gone', 'failing'] as const;

export const endpointRecordSchema = z.object({
  tenantId: z.string(),
  endpointId: z.string(),
  /** Null for {@link defaultEndpointId} alone: there each job names the address. */
  url: z.string().nullable(),
  events: z.array(z.enum(subscribableEvents)),
  /** Newest last; one without an end is always there. */
  secrets: z.array(z.object({ version: wholeSchema, untilMs: wholeSchema.nullable() })),
  createdAtMs: wholeSchema,
  /** Since when nothing got through; null after a success. */
  failingSinceMs: wholeSchema.nullable(),
  disabled: z.object({ reason: z.enum(disabledReasons), atMs: wholeSchema }).nullable(),
  /** Counts the writes; a write names the one it replaces. */
  version: wholeSchema,
});

export type EndpointRecord = z.infer<typeof endpointRecordSchema>;
export type DisabledReason = (typeof disabledReasons)[number];

/** Stands for the addresses that single jobs name: its secrets sign what goes there. */
export const defaultEndpointId = 'default';

export function newEndpoint(
  ids: Pick<EndpointRecord, 'tenantId' | 'endpointId'>,
  {
    url,
    events,
    nowMs,
  }: { readonly url: string; readonly events: readonly SubscribableEvent[]; readonly nowMs: number },
): EndpointRecord {
  return { ...blank(ids), url, events: [...new Set(events)], createdAtMs: nowMs, version: 1 };
}

/** What the default endpoint of a tenant is until its secret is rotated for the first time; stored nowhere. */
export function unstoredDefault(tenantId: string): EndpointRecord {
  return blank({ tenantId, endpointId: defaultEndpointId });
}

function blank(ids: Pick<EndpointRecord, 'tenantId' | 'endpointId'>): EndpointRecord {
  return {
    ...ids,
    url: null,
    events: [],
    secrets: [{ version: 1, untilMs: null }],
    createdAtMs: 0,
    failingSinceMs: null,
    disabled: null,
    version: 0,
  };
}

/** A new secret from now on; the one before signs too until the overlap ends. */
export function rotated(endpoint: EndpointRecord, nowMs: number, overlapMs: number): EndpointRecord {
  const version = Math.max(...endpoint.secrets.map((secret) => secret.version)) + 1;
  const ending = endpoint.secrets
    .map((secret) => ({ ...secret, untilMs: Math.min(secret.untilMs ?? Infinity, nowMs + overlapMs) }))
    .filter(({ untilMs }) => untilMs > nowMs)
    // Whoever rotates again and again must not make the headers grow without bound.
    .slice(1 - webhookLimits.secretsMax);
  return next(endpoint, { secrets: [...ending, { version, untilMs: null }] });
}

/** The secrets that sign now, newest first. */
export function secretsInForce(endpoint: EndpointRecord, nowMs: number): SecretName[] {
  const { tenantId, endpointId, secrets } = endpoint;
  return secrets
    .filter(({ untilMs }) => untilMs === null || untilMs > nowMs)
    .map(({ version }) => ({ tenantId, endpointId, version }))
    .reverse();
}

export type Receipt = 'taken' | 'failed' | 'gone';

/** The endpoint after a message to it was taken or not; null where that changes nothing. */
export function afterReceipt(
  endpoint: EndpointRecord,
  receipt: Receipt,
  nowMs: number,
): EndpointRecord | null {
  const { failingSinceMs, disabled } = endpoint;
  switch (receipt) {
    case 'taken':
      if (failingSinceMs === null && disabled === null) return null;
      return next(endpoint, { failingSinceMs: null, disabled: null });
    case 'gone':
      return disabled === null ? next(endpoint, { disabled: { reason: 'gone', atMs: nowMs } }) : null;
    case 'failed':
      if (failingSinceMs === null) return next(endpoint, { failingSinceMs: nowMs });
      if (disabled !== null || nowMs - failingSinceMs < webhookLimits.disableAfterMs) return null;
      return next(endpoint, { disabled: { reason: 'failing', atMs: nowMs } });
  }
}

function next(endpoint: EndpointRecord, change: Partial<EndpointRecord>): EndpointRecord {
  return { ...endpoint, ...change, version: endpoint.version + 1 };
}
