import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatKey, keyIdOf } from './api-key.ts';

const digits = '0123456789';
const lower = 'abcdefghijklmnopqrstuvwxyz';
const base62 = digits + lower + lower.toUpperCase();

const id = fc.string({ unit: fc.constantFrom(...digits, ...lower), minLength: 8, maxLength: 8 });
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('formatKey', () => {
  it('writes `plk_`, the id, 43 characters and a checksum of 6', () => {
    fc.assert(
      fc.property(id, secret, (keyId, bytes) => {
        expect(formatKey(keyId, bytes)).toMatch(new RegExp(`^plk_${keyId}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$`));
      }),
    );
  });

  it('keeps its form for the lowest and the highest secret', () => {
    expect(keyIdOf(formatKey('00000000', new Uint8Array(32)))).toBe('00000000');
    expect(keyIdOf(formatKey('zzzzzzzz', new Uint8Array(32).fill(255)))).toBe('zzzzzzzz');
  });

  it('writes different keys from different secrets', () => {
    fc.assert(
      fc.property(
        id,
        secret,
        fc.nat({ max: 31 }),
        fc.integer({ min: 1, max: 255 }),
        (keyId, bytes, at, by) => {
          const other = bytes.map((byte, index) => (index === at ? byte ^ by : byte));

          expect(formatKey(keyId, other)).not.toBe(formatKey(keyId, bytes));
        },
      ),
    );
  });
});

describe('keyIdOf', () => {
  it('reads the id of a key that was written', () => {
    fc.assert(
      fc.property(id, secret, (keyId, bytes) => {
        expect(keyIdOf(formatKey(keyId, bytes))).toBe(keyId);
      }),
    );
  });

  it('notices every change of a single character', () => {
    fc.assert(
      fc.property(
        id,
        secret,
        fc.nat({ max: 62 }),
        fc.constantFrom(...base62, '_', '-', ' '),
        (keyId, bytes, at, character) => {
          const key = formatKey(keyId, bytes);
          fc.pre(key.charAt(at) !== character);

          expect(keyIdOf(key.slice(0, at) + character + key.slice(at + 1))).toBeNull();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('notices a key that was cut short or grew', () => {
    const key = formatKey('abcd0123', new Uint8Array(32).fill(7));

    for (const text of ['', key.slice(0, -1), key.slice(1), `${key}0`, ` ${key}`, `${key}\n`]) {
      expect(keyIdOf(text)).toBeNull();
    }
  });

  it('reads any other text as no key, without throwing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(keyIdOf(text)).toBeNull();
      }),
    );
  });
});
