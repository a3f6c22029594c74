/** Properties of the API key's parser. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { formatKey, keyIdOf } from './api-key.ts';

const keys = fc.tuple(fc.stringMatching(/^[0-9a-z]{8}$/), fc.uint8Array({ minLength: 32, maxLength: 32 }));
const characters = fc.oneof(
  fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);

describe('an API key', () => {
  it('is read back from its own form', () => {
    fc.assert(
      fc.property(keys, ([id, secret]) => {
        const key = formatKey(id, secret);

        expect(keyIdOf(key)).toBe(id);
        expect(key).toMatch(/^plk_[0-9a-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
      }),
      budget(500),
    );
  });

  it('with any one character changed, added or left out is none', () => {
    fc.assert(
      fc.property(
        keys,
        fc.nat(),
        characters,
        fc.constantFrom(0, 1),
        ([id, secret], place, character, taken) => {
          const key = formatKey(id, secret);
          const at = place % (key.length + 1);
          const changed = key.slice(0, at) + character + key.slice(at + taken);
          const shorter = key.slice(0, at) + key.slice(at + 1);

          expect(keyIdOf(changed)).toBe(changed === key ? id : null);
          expect(keyIdOf(shorter)).toBe(shorter === key ? id : null);
        },
      ),
      budget(2_000),
    );
  });

  it('is all that is read: any other text gives null, whatever surrounds a key in it', () => {
    fc.assert(
      fc.property(
        keys,
        fc.string({ unit: 'binary', maxLength: 12 }),
        fc.string({ unit: 'binary', maxLength: 12 }),
        ([id, secret], before, after) => {
          const isWhole = before === '' && after === '';

          expect(keyIdOf(before + after)).toBeNull();
          expect(keyIdOf(before + formatKey(id, secret) + after)).toBe(isWhole ? id : null);
        },
      ),
      budget(1_000),
    );
  });

  it('is another for another secret', () => {
    fc.assert(
      fc.property(keys, fc.uint8Array({ minLength: 32, maxLength: 32 }), ([id, secret], other) => {
        const same = Buffer.from(secret).equals(other);

        expect(formatKey(id, secret) === formatKey(id, other)).toBe(same);
      }),
      budget(500),
    );
  });
});
