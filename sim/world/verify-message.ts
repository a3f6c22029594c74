/**
 * What a receiver does with a message, written from the specification (github.com/standard-webhooks, 1.0.0) and from
 * nothing of the product: the checkers and the tests believe no signature that this refuses.
 */
import type { KeyObject } from 'node:crypto';
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';

const toleranceSeconds = 5 * 60;
/** RFC 8410: what stands before the 32 bytes of an Ed25519 public key. */
const spkiPrefix = '302a300506032b6570032100';

export interface SeenMessage {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/**
 * Whether one of the signatures is by this secret (`whsec_…`) or public key (`whpk_…`), and the time in the headers is
 * within five minutes of `nowMs`.
 */
export function isSignedBy(key: string, { headers, body }: SeenMessage, nowMs: number): boolean {
  const id = headers['webhook-id'] ?? '';
  const timestamp = headers['webhook-timestamp'] ?? '';
  if (id === '' || !/^\d+$/.test(timestamp)) return false;
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > toleranceSeconds) return false;
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  return (headers['webhook-signature'] ?? '').split(' ').some((each) => {
    const [version, signature = ''] = each.split(',');
    return signed.length > 0 && matches(key, version ?? '', Buffer.from(signature, 'base64'), signed);
  });
}

function matches(key: string, version: string, signature: Buffer, signed: Buffer): boolean {
  if (version === 'v1' && key.startsWith('whsec_')) {
    const secret = Buffer.from(key.slice('whsec_'.length), 'base64');
    const expected = createHmac('sha256', secret).update(signed).digest();
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  }
  if (version !== 'v1a' || !key.startsWith('whpk_')) return false;
  return verify(null, signed, publicKeyOf(key), signature);
}

/** Of a `whpk_…`: base64 of the 32 bytes. */
export function publicKeyOf(key: string): KeyObject {
  const raw = Buffer.from(key.slice('whpk_'.length), 'base64');
  const der = Buffer.concat([Buffer.from(spkiPrefix, 'hex'), raw]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}
