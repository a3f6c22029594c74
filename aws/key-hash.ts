/**
 * How API keys are stored: HMAC-SHA-256 with a pepper that lives outside the table. A key holds 256 random bits, so a
 * slow hash would protect nothing and cost every request.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Hex, 64 characters. */
export function hashKey(key: string, pepper: string): string {
  return createHmac('sha256', pepper).update(key).digest('hex');
}

/** Whether two hashes of {@link hashKey} are one; takes as long for a near miss as for a far one. */
export function sameHash(left: string, right: string): boolean {
  const [leftBytes, rightBytes] = [Buffer.from(left, 'hex'), Buffer.from(right, 'hex')];
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}

/** Whether the key is the one behind `hash`. */
export function keyMatches(key: string, pepper: string, hash: string): boolean {
  return sameHash(hashKey(key, pepper), hash);
}
