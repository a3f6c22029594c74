/**
 * The form of an API key: `plk_<8 id characters>_<43 base62 characters>_<6 checksum>`. The checksum lets a scanner or
 * a client tell a typing error from a wrong key without asking; the 43 characters carry 256 random bits.
 */

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const form = /^plk_([0-9a-z]{8})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;
const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** The id within a well-formed key, or null. Says nothing about whether the key is known. */
export function keyIdOf(key: string): string | null {
  const match = form.exec(key);
  const [, id, secret, sum] = match ?? [];
  if (id === undefined || secret === undefined || sum === undefined) return null;
  return sum === checksum(`plk_${id}_${secret}`) ? id : null;
}

/** Writes a key from its id and 32 secret bytes. */
export function formatKey(id: string, secret: Uint8Array): string {
  const body = `plk_${id}_${base62(secret).padStart(43, '0')}`;
  return `${body}_${checksum(body)}`;
}

/** Six base62 characters of FNV-1a (32 bits, public domain, isthe.com/chongo/tech/comp/fnv). */
function checksum(text: string): string {
  let hash = fnvOffset;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), fnvPrime) >>> 0;
  }
  return digits(BigInt(hash)).padStart(6, '0').slice(-6);
}

function base62(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return digits(value);
}

function digits(value: bigint): string {
  let rest = value;
  let text = '';
  while (rest > 0n) {
    text = alphabet.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}
