/**
 * Finds out who asks. Missing, malformed, unknown, wrong, expired and revoked keys, and those of a stranger at the
 * door of one tenant, get the same answer after the same hash and comparisons; all that have a key's form cost the
 * same one read (`key-holders.ts`). So neither body nor time tells them apart (docs/benchmarks/key-timing.md).
 * Where an OIDC issuer is configured, its tokens stand for keys.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { hashKey, sameHash } from '#aws/key-hash.ts';
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/ports/process.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import type { KeyRecord, Scope } from '#core/tenancy/tenant.ts';
import { grantedBy, isUsable } from '#core/tenancy/tenant.ts';
import { edgeOf } from '../edge.ts';
import type { KeyHolder, KeyHolders } from '../key-holders.ts';
import { requestHeaders } from '../request-headers.ts';
import type { TokenReader } from '../token-reader.ts';
import { looksLikeToken } from '../token-reader.ts';

/** Bearer is ours and OpenAI's, Key is fal's, Token is Replicate's older form. */
const authorization = /^(?:bearer|key|token) +(\S+) *$/i;

/** Where a listener that serves one tenant names it: a part of the event that no client can write. */
export const doorKey = 'pilotlightTenant';

/** Stands in for the hash of a key that does not exist. */
const nobodysHash = '0'.repeat(64);

export interface AuthenticateDeps {
  readonly clock: Clock;
  readonly holders: KeyHolders;
  readonly keyPepper: string;
  readonly tokens?: TokenReader;
}

export function authenticate(
  deps: AuthenticateDeps,
  scope: Scope | null,
): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    async before({ event, context }) {
      if (scope === null) return;
      const text = bearerOf(requestHeaders(event).get('authorization') ?? '');
      const { key, tenant } = await (deps.tokens !== undefined && looksLikeToken(text)
        ? byToken(deps, deps.tokens, text)
        : byKey(deps, text, (record) => mayEnter(record, event, deps.clock.nowMs())));
      if (!mayEnter(key, event, deps.clock.nowMs()) || tenant.status === 'deleted') {
        throw new AppError('invalid_api_key');
      }
      // Set before the checks below, so that the log names a tenant that is refused.
      const granted = grantedBy(tenant.models, key.models);
      edgeOf(context).caller = { keyId: key.keyId, key, tenant, granted };
      if (tenant.status === 'suspended') throw new AppError('tenant_suspended');
      if (!key.scopes.includes(scope)) {
        throw new AppError('missing_scope', { publicMessage: `The API key lacks the scope ${scope}.` });
      }
    },
  };
}

/** The key or token of an `Authorization` header; empty when it has none. */
export function bearerOf(header: string): string {
  return authorization.exec(header)?.[1] ?? '';
}

type Holder = Pick<KeyHolder, 'key' | 'tenant'>;

async function byKey(
  { holders, keyPepper }: AuthenticateDeps,
  text: string,
  enters: (key: KeyRecord) => boolean,
): Promise<Holder> {
  const hash = hashKey(text, keyPepper);
  const opens = (key: KeyRecord | null) => {
    const isSame = sameHash(hash, key?.hash ?? nobodysHash);
    return key !== null && isSame && enters(key);
  };
  const keyId = keyIdOf(text);
  const holder = keyId === null ? null : await holders.find(keyId, opens);
  if (holder === null) throw new AppError('invalid_api_key');
  holders.noteUse(holder);
  return holder;
}

async function byToken({ holders }: AuthenticateDeps, tokens: TokenReader, text: string): Promise<Holder> {
  const key = await tokens.read(text);
  const tenant = key === null ? null : await holders.tenant(key.tenantId);
  if (key === null || tenant === null) throw new AppError('invalid_api_key');
  return { key, tenant };
}

/** Revoked and expired keys are as good as unknown; so is a stranger's at the door of one tenant. */
function mayEnter(key: KeyRecord, event: APIGatewayProxyEvent, nowMs: number): boolean {
  const only = doorOf(event);
  return isUsable(key, nowMs) && (only === null || only === key.tenantId);
}

/** The one tenant that the listener of this request lets in; null when it lets in everybody. */
function doorOf({ requestContext }: APIGatewayProxyEvent): string | null {
  // A test may send an event without a context.
  const door: unknown = requestContext?.authorizer?.[doorKey];
  return typeof door === 'string' ? door : null;
}
