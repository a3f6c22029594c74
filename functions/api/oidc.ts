/**
 * Bearer tokens of an OIDC issuer: a signed JWT whose claim names a tenant stands for a key of that tenant. The
 * issuer's keys are fetched when they are first needed and remembered; a key id that is not among them is asked for
 * again, at most twice a minute, so that a forged one costs nothing.
 */
import type { JWTPayload } from 'jose';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { digest } from '#core/canonical.ts';
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/ports/process.ts';
import type { KeyRecord, Scope } from '#core/tenancy/tenant.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import type { TokenReader } from './token-reader.ts';

export interface OidcOptions {
  readonly clock: Clock;
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: string;
  /** The claim whose value is a tenant id. */
  readonly tenantClaim: string;
  /** What every token may do, beside the scopes that it names itself. */
  readonly scopes: readonly Scope[];
}

export const oidcLimits = {
  /** Issuers rotate keys over days; this bounds how long a withdrawn one is believed. */
  keysKeptMs: 10 * 60_000,
  keysCooldownMs: 30_000,
  keysTimeoutMs: 5_000,
  /** Two machines' clocks. */
  skewSeconds: 5,
} as const;

/** Signatures with a key pair only: with a shared secret, whoever checks a token could make one. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** Faults of fetching keys, not of the token. */
const issuerFaults: readonly string[] = ['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC'];

export function createTokenReader(options: OidcOptions): TokenReader {
  const { clock, issuer, audience, tenantClaim } = options;
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), {
    cacheMaxAge: oidcLimits.keysKeptMs,
    cooldownDuration: oidcLimits.keysCooldownMs,
    timeoutDuration: oidcLimits.keysTimeoutMs,
  });
  return {
    async read(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms,
          clockTolerance: oidcLimits.skewSeconds,
          currentDate: new Date(clock.nowMs()),
          requiredClaims: ['exp', 'sub', tenantClaim],
        });
        return keyOf(payload, options);
      } catch (error) {
        if (error instanceof errors.JOSEError && !issuerFaults.includes(error.code)) return null;
        throw new AppError('unavailable', { cause: error, privateDetail: 'no keys of the OIDC issuer' });
      }
    },
  };
}

function keyOf(payload: JWTPayload, { issuer, tenantClaim, scopes }: OidcOptions): KeyRecord | null {
  const { [tenantClaim]: tenantId, sub, iat } = payload;
  if (typeof tenantId !== 'string' || sub === undefined) return null;
  return {
    // For ledger and logs: the same person every time, and nobody's name.
    keyId: `oidc_${digest(`${issuer}\0${sub}`).slice(0, 16)}`,
    tenantId,
    hash: '',
    label: 'OIDC',
    scopes: [...new Set([...scopes, ...namedScopes(payload)])],
    models: null,
    createdAtMs: Math.max(0, (iat ?? 0) * 1000),
    // The token's own end was checked just now; keys that its holder makes or rotates may outlive it.
    expiresAtMs: null,
    revokedAtMs: null,
    lastUsedDay: null,
  };
}

/** Those of ours in the `scope` claim. Never admin: an issuer of tenants' tokens must not make operators. */
function namedScopes({ scope }: JWTPayload): Scope[] {
  const named = typeof scope === 'string' ? scope.split(' ') : [];
  return tenantScopes.filter((each) => named.includes(each));
}
