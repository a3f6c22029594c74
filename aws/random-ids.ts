import { randomBytes } from 'node:crypto';
import { crockfordOf } from '#core/canonical.ts';
import type { Ids } from '#core/ports/process.ts';

/** Ids from the system's random source: 26 characters are 130 bits. */
export const randomIds: Ids = {
  next: (prefix) => `${prefix}_${crockfordOf(randomBytes(17), 26)}`,
  nonce: () => crockfordOf(randomBytes(5), 8),
};
