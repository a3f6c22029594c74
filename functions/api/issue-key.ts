/** Creating and rotating keys, for the operator's routes and a tenant's own. */
import type { z } from 'zod';
import { newKey } from '#aws/new-key.ts';
import type { KeyResource, keyRequestSchema } from '#core/api/tenancy-resource.ts';
import { overlapMs, presentKey } from '#core/api/tenancy-resource.ts';
import { AppError } from '#core/errors.ts';
import { keyLimits } from '#core/limits.ts';
import type { KeyRecord } from '#core/tenancy/tenant.ts';
import { isUsable, tenantScopes } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from './api-deps.ts';
import { refuse } from './tenancy.ts';

export type KeyRequest = z.output<typeof keyRequestSchema>;

export interface IssuedKey {
  readonly record: KeyRecord;
  readonly secret: string;
}

/** An id has 40 random bits: a clash is rare, and the next one clashes as rarely. */
const triesMax = 3;

/** What a key may do, and how long. */
export type KeyTerms = Pick<KeyRecord, 'tenantId' | 'label' | 'scopes' | 'models' | 'expiresAtMs'>;

/**
 * Another key of a tenant that has some. Throws `conflict` when it has as many as it may that work; two requests at once
 * may pass that by one, since the list they count from lags a moment.
 */
export async function issueAnotherKey(
  deps: ApiDeps,
  terms: KeyTerms,
  /** A key that ends as this one begins. */
  replacedKeyId: string | null = null,
): Promise<IssuedKey> {
  const { liveKeysMax } = keyLimits;
  const live = await liveKeys(deps, terms.tenantId);
  if (live.filter((keyId) => keyId !== replacedKeyId).length >= liveKeysMax) {
    throw new AppError('conflict', {
      publicMessage: `The tenant has ${liveKeysMax} keys that work, as many as it may: revoke one first.`,
    });
  }
  return issueKey(deps, terms);
}

/** Ids of the tenant's keys that work now or will until their end. */
async function liveKeys({ clock, keys }: ApiDeps, tenantId: string): Promise<string[]> {
  const nowMs = clock.nowMs();
  const live: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await keys.list(tenantId, cursor);
    live.push(...page.items.filter((key) => isUsable(key, nowMs)).map(({ keyId }) => keyId));
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return live;
}

export async function issueKey({ clock, keyPepper, keys }: ApiDeps, terms: KeyTerms): Promise<IssuedKey> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { keyId, secret, hash } = newKey(keyPepper);
    const record: KeyRecord = {
      ...terms,
      keyId,
      hash,
      createdAtMs: clock.nowMs(),
      revokedAtMs: null,
      lastUsedDay: null,
    };
    if ((await keys.create(record)) === 'created') return { record, secret };
  }
  throw new AppError('unavailable', { privateDetail: 'every new key id was taken' });
}

/** The terms that a request asks for; everything it leaves out is as wide as a tenant's first key. */
export function termsOf({ clock }: ApiDeps, tenantId: string, request: KeyRequest): KeyTerms {
  const expiresAtMs = request.expires_at === undefined ? null : Date.parse(request.expires_at);
  if (expiresAtMs !== null && expiresAtMs <= clock.nowMs()) {
    refuse([{ path: 'expires_at', message: 'must be in the future' }]);
  }
  return {
    tenantId,
    label: request.label ?? null,
    scopes: [...new Set(request.scopes ?? tenantScopes)],
    models: request.models ?? null,
    expiresAtMs,
  };
}

/** The tenant's key; `not_found` alike for a missing one and another tenant's. */
export async function findKey({ keys }: ApiDeps, tenantId: string, keyId: string): Promise<KeyRecord> {
  const key = /^[0-9a-z]{8}$/.test(keyId) ? await keys.get(keyId) : null;
  if (key === null || key.tenantId !== tenantId) throw new AppError('not_found');
  return key;
}

/**
 * A new key with the terms of the old one, which ends with the overlap. The new one is stored first: after a crash in
 * between both work, and rotating again or revoking mends that.
 */
export async function rotate(
  deps: ApiDeps,
  old: KeyRecord,
  { overlapSeconds, expiresAtMs }: { readonly overlapSeconds: number; readonly expiresAtMs: number | null },
) {
  const { tenantId, label, scopes, models } = old;
  if (!isUsable(old, deps.clock.nowMs())) {
    throw new AppError('conflict', { publicMessage: 'The key has ended: create a new one.' });
  }
  const terms = { tenantId, label, scopes, models, expiresAtMs };
  const issued = await issueAnotherKey(deps, terms, overlapSeconds === 0 ? old.keyId : null);
  const endsAtMs = deps.clock.nowMs() + overlapMs(overlapSeconds);
  const ended = await deps.keys.expire(tenantId, old.keyId, endsAtMs);
  return {
    key: presentNewKey(deps, issued),
    old: presentKey(ended ?? old, deps.clock.nowMs()),
  };
}

export function presentNewKey(
  { clock }: ApiDeps,
  { record, secret }: IssuedKey,
): KeyResource & { secret: string } {
  return { ...presentKey(record, clock.nowMs()), secret };
}

/** Ends the key for good; `not_found` alike for a missing one and another tenant's. */
export async function revoke(deps: ApiDeps, tenantId: string, keyId: string): Promise<KeyResource> {
  const { clock, keys } = deps;
  await findKey(deps, tenantId, keyId);
  const revoked = await keys.revoke(tenantId, keyId, clock.nowMs());
  if (revoked === null) throw new AppError('not_found');
  return presentKey(revoked, clock.nowMs());
}

export async function listKeysOf(deps: ApiDeps, tenantId: string, cursor: string | undefined) {
  const page = await deps.keys.list(tenantId, cursor);
  const nowMs = deps.clock.nowMs();
  const data = page.items.map((key) => presentKey(key, nowMs));
  return { object: 'list', data, next_cursor: page.cursor } as const;
}
