/**
 * Secrets of endpoints. None is stored: each is derived from the platform's webhook key and the endpoint's tenant, id
 * and secret version, so that whoever reads the table can sign nothing, and a new version is a new secret.
 *
 * A version has two halves: the shared secret of `v1` (HMAC-SHA256) and a key pair of `v1a` (Ed25519). Both belong to one
 * endpoint alone: with one key for all, a tenant could point an endpoint at another tenant's receiver and be believed.
 */
import type { KeyObject } from 'node:crypto';
import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';

/** Which secret of whom. */
export interface SecretName {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly version: number;
}

/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key in PKCS #8. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicKeyBytes = 32;

/** The 32 bytes that `v1` signs with. */
export function sharedSecret(webhookKey: string, name: SecretName): Uint8Array {
  return derive(webhookKey, 'v1', name);
}

/** As the Standard Webhooks specification writes it: `whsec_` and base64. */
export function formatSecret(secret: Uint8Array): string {
  return `whsec_${Buffer.from(secret).toString('base64')}`;
}

/** To make a key takes twice as long as to sign with it, and an endpoint is told of many ends. By the 32 bytes of each. */
const keysOfLate = new Map<string, KeyObject>();
const keysOfLateMax = 256;

export function signingKey(webhookKey: string, name: SecretName): KeyObject {
  const seed = derive(webhookKey, 'v1a', name);
  const id = seed.toString('latin1');
  const known = keysOfLate.get(id);
  if (known !== undefined) return known;
  const der = Buffer.concat([pkcs8Prefix, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  if (keysOfLate.size >= keysOfLateMax) keysOfLate.clear();
  keysOfLate.set(id, key);
  return key;
}

/** As the specification writes it: `whpk_` and base64 of the 32 bytes. */
export function formatPublicKey(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return `whpk_${der.subarray(-publicKeyBytes).toString('base64')}`;
}

/** HMAC-SHA256 as a pseudo-random function. The NUL keeps (`a`, `bc`) and (`ab`, `c`) apart; no id holds one. */
function derive(
  webhookKey: string,
  use: 'v1' | 'v1a',
  { tenantId, endpointId, version }: SecretName,
): Buffer {
  return createHmac('sha256', webhookKey)
    .update(['webhook', use, tenantId, endpointId, version].join('\0'))
    .digest();
}
