/** Properties of what takes tenants' words out of log lines. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { redact, redacted, sharedRunMin, textsWithin } from './redaction.ts';

/** Few letters, so that runs meet by chance; no bracket, which the replacement brings along. */
const words = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', 'B', ' ', 'İ', '🗼', '\n', '"'), maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replaceAll('[', '(')),
);
const inputs = fc.array(words, { maxLength: 4 });
const canary = fc.stringMatching(/^[A-Z0-9]{16}$/).map((text) => `canary-${text}`);

describe('the redaction of log lines', () => {
  it('leaves no run of any input, in any case, between two replacements', () => {
    fc.assert(
      fc.property(words, inputs, (text, given) => {
        const lower = given.map((input) => input.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));

        for (const part of redact(text, given).split(redacted)) {
          for (let at = 0; at + sharedRunMin <= part.length; at += 1) {
            const run = part.slice(at, at + sharedRunMin).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
            expect(lower.some((input) => input.includes(run))).toBe(false);
          }
        }
      }),
      budget(500),
    );
  });

  it('takes out an input that is quoted anywhere, and nothing of the text around it', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-m ]{0,80}$/),
        canary,
        fc.stringMatching(/^[a-m ]{0,80}$/),
        (a, token, b) => {
          expect(redact(`${a}{${token}}${b}`, [`before ${token} after`, token])).toBe(
            `${a}{${redacted}}${b}`,
          );
          expect(redact(a + b, [token])).toBe(a + b);
        },
      ),
      budget(500),
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(words, inputs, (text, given) => {
        const once = redact(text, given);

        expect(redact(once, given)).toBe(once);
      }),
      budget(300),
    );
  });

  it('finds every text of a JSON value, however deep', () => {
    fc.assert(
      fc.property(fc.jsonValue(), canary, fc.nat({ max: 2_000 }), (value, token, depth) => {
        let deep: unknown = { [token]: [value, token] };
        for (let level = 0; level < depth; level += 1) deep = [deep];

        expect(textsWithin(deep).filter((text) => text === token)).toHaveLength(2);
      }),
      budget(100),
    );
  });

  // A look at every pair of places would take minutes for these; the timeout of a test is their bound.
  it('ends soon on large texts of one letter', () => {
    fc.assert(
      fc.property(fc.constantFrom('a', 'ab', 'a '), (unit) => {
        const large = unit.repeat(60_000);

        expect(redact(large, [large, large.slice(1)])).toBe(redacted);
      }),
      budget(5),
    );
  });
});
