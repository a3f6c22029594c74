/**
 * Finds out who asks. Missing, malformed, unknown and wrong keys get the same answer after the same hash, so that
 * neither body nor time tells them apart; a key of a known id costs no more than one of an unknown id.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { keyMatches } from '#aws/key-hash.ts';
import { AppError } from '#core/errors.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import type { Scope } from '#core/tenancy/tenant.ts';
import { edgeOf } from '../edge.ts';
import type { KeyHolder, KeyHolders } from '../key-holders.ts';
import { requestHeaders } from '../request-headers.ts';

/** Bearer is ours and OpenAI's, Key is fal's, Token is Replicate's older form. */
const authorization = /^(?:bearer|key|token) +(\S+) *$/i;

/** Stands in for the hash of a key that does not exist. */
const nobodysHash = '0'.repeat(64);

export function authenticate(
  { holders, keyPepper }: { readonly holders: KeyHolders; readonly keyPepper: string },
  scope: Scope | null,
): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    async before({ event, context }) {
      if (scope === null) return;
      const key = authorization.exec(requestHeaders(event).get('authorization') ?? '')?.[1] ?? '';
      const keyId = keyIdOf(key);
      const holder = keyId === null ? null : await holders.get(keyId);
      const { tenant, key: record } = checked(key, keyPepper, holder);
      // Set before the checks below, so that the log names a tenant that is refused.
      edgeOf(context).caller = { keyId: record.keyId, tenant };
      if (tenant.status === 'suspended') throw new AppError('tenant_suspended');
      if (!record.scopes.includes(scope)) {
        throw new AppError('missing_scope', { publicMessage: `The API key lacks the scope ${scope}.` });
      }
    },
  };
}

function checked(key: string, keyPepper: string, holder: KeyHolder | null): KeyHolder {
  const matches = keyMatches(key, keyPepper, holder?.key.hash ?? nobodysHash);
  if (holder === null || !matches) throw new AppError('invalid_api_key');
  return holder;
}
