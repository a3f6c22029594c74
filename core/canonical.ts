/**
 * Canonical text and hashes. Hashing is a pure function, so `node:crypto`'s `hash` is the one builtin that core uses here.
 */
import { hash } from 'node:crypto';

const crockford = '0123456789abcdefghjkmnpqrstvwxyz';

/** JSON with sorted keys and no white space: equal values give equal text (RFC 8785 without its number forms). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** SHA-256 of the bytes, or of the text's UTF-8, hex. */
export function digest(text: string | Uint8Array): string {
  return hash('sha256', text, 'hex');
}

/** 42 bits of a hash of the parts, told apart whatever is in them: enough among a few hundred. */
export function shortDigest(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 7);
}

/**
 * The id of the job that a tenant's Idempotency-Key names: `job_` + 26 Crockford base32 characters of a hash, so every
 * retry meets the same items. The NUL keeps (`a`, `bc`) and (`ab`, `c`) apart.
 */
export function derivedJobId(tenantId: string, idempotencyKey: string): string {
  const bytes = hash('sha256', `job\0${tenantId}\0${idempotencyKey}`, 'buffer');
  return `job_${crockfordOf(bytes, 26)}`;
}

/**
 * The id of the warm-up that a tenant's Idempotency-Key names or, without one, what it asks for and when.
 * @param parts told apart whatever is in them
 */
export function derivedWarmupId(tenantId: string, parts: readonly (string | number)[]): string {
  const bytes = hash('sha256', `warmup\0${JSON.stringify([tenantId, ...parts])}`, 'buffer');
  return `warmup_${crockfordOf(bytes, 26)}`;
}

/** The id of a tenant's adapter: the file, by its hash, for one model. */
export function derivedAdapterId(tenantId: string, model: string, sha256: string): string {
  const bytes = hash('sha256', `adapter\0${tenantId}\0${model}\0${sha256}`, 'buffer');
  return `adapter_${crockfordOf(bytes, 26)}`;
}

/**
 * `prefix_` + ten base32 digits of the instant, so that ids sort by it (github.com/ulid/spec), and the last sixteen (80
 * bits) of `chance`, which ends in that many.
 */
export function sortedId(prefix: 'batch' | 'file', atMs: number, chance: string): string {
  return `${prefix}_${timeDigits(atMs)}${chance.slice(-16)}`;
}

/** As {@link sortedId}, with a hash of the parts in place of chance: whoever makes it again makes the same one. */
export function derivedSortedId(
  prefix: 'batch' | 'file',
  atMs: number,
  parts: readonly (string | number)[],
): string {
  const bytes = hash('sha256', `${prefix}\0${JSON.stringify(parts)}`, 'buffer');
  return sortedId(prefix, atMs, crockfordOf(bytes, 16));
}

function timeDigits(atMs: number): string {
  const time = Buffer.alloc(8);
  // Fifty bits at the top of the eight bytes: what ten characters take.
  time.writeBigUInt64BE(BigInt(atMs) << 14n);
  return crockfordOf(time, 10);
}

/** The first `characters` base32 digits of the bytes, five bits each (crockford.com/base32.html, lower case). */
export function crockfordOf(bytes: Uint8Array, characters: number): string {
  if (bytes.length * 8 < characters * 5) throw new Error(`${bytes.length} bytes are too few`);
  let text = '';
  for (let index = 0; index < characters; index += 1) {
    const bit = index * 5;
    const high = bytes[bit >> 3] ?? 0;
    const low = bytes[(bit >> 3) + 1] ?? 0;
    text += crockford.charAt((((high << 8) | low) >> (11 - (bit & 7))) & 31);
  }
  return text;
}
