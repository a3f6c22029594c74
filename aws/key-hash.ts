/**
 * How API keys are stored: HMAC-SHA-256 with a pepper that lives outside the table. A key holds 256 random bits, so a
 * slow hash would protect nothing and cost every request.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Hex, 64 characters. */
export function hashKey(key: string, pepper: string): string {
  return createHmac('sha256', pepper).update(key).digest('hex');
}

/** Whether the key is the one behind `hash`; takes as long for a near miss as for a far one. */
export function keyMatches(key: string, pepper: string, hash: string): boolean {
  const expected = Buffer.from(hash, 'hex');
  const actual = Buffer.from(hashKey(key, pepper), 'hex');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
