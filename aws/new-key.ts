/** Makes API keys. The secret leaves here once; the store gets its hash. */
import { randomBytes } from 'node:crypto';
import { crockfordOf } from '#core/canonical.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import { hashKey } from './key-hash.ts';

export interface NewKey {
  readonly keyId: string;
  /** The whole key, as a client sends it. */
  readonly secret: string;
  readonly hash: string;
}

export function newKey(pepper: string): NewKey {
  const keyId = crockfordOf(randomBytes(8), 8);
  const secret = formatKey(keyId, randomBytes(32));
  return { keyId, secret, hash: hashKey(secret, pepper) };
}
