/** Properties of the prompt policy over hostile texts and the operator's terms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { promptLimits } from '../limits.ts';
import { foldPhrase, foldText, plainText } from './fold.ts';
import { judgePrompt, promptTermSchema, rulesThatFind } from './policy.ts';
import { builtInRules } from './policy-rules.ts';

const piece = fc.constantFrom(
  ...[
    'ignore',
    'previous',
    'instructions',
    'system',
    'prompt',
    'i g n o r e',
    'ign0re',
    'ignоre',
    '-',
    '_',
    '.',
    ' ',
    '\n',
    '\t',
  ],
  ...[
    '\u200b',
    '\u202e',
    '\u0301',
    '\ufe0f',
    '\ud83d',
    '🗼',
    'é',
    'İ',
    'ß',
    'ﬀ',
    '１',
    '@',
    '$',
    '!',
    '|',
    '灯台',
    'ไทย',
    '\u0000',
    '\u0085',
  ],
);
const soup = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
);
const terms = fc.array(
  soup.filter((term) => promptTermSchema.safeParse(term).success),
  { maxLength: 4 },
);
const rules: readonly string[] = [
  ...builtInRules.map(({ name }) => name),
  'operator_terms',
  'prompt_tokens_max',
];

describe('the prompt policy', () => {
  it('names rules and numbers, never what it found', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('off', 'flag', 'block'),
        terms,
        fc.option(fc.nat({ max: 20 })),
        fc.array(soup, { maxLength: 3 }),
        fc.nat({ max: 40 }),
        (mode, given, tokensMax, texts, tokens) => {
          const judged = judgePrompt({ mode, terms: given, tokensMax }, { texts, tokens });

          if (judged.kind === 'prompt_too_long') {
            expect(judged).toEqual({ kind: 'prompt_too_long', counted: tokens, allowed: tokensMax });
            return;
          }
          const named = judged.kind === 'pass' ? judged.flags : judged.rules;
          expect(named.filter((rule) => !rules.includes(rule))).toEqual([]);
          expect(new Set(named).size).toBe(named.length);
          if (mode === 'off') expect(named).toEqual([]);
          if (judged.kind === 'prompt_rejected') expect(mode).toBe('block');
        },
      ),
      budget(500),
    );
  });

  it('blocks what it flags, and judges the same text the same', () => {
    fc.assert(
      fc.property(terms, fc.array(soup, { maxLength: 3 }), (given, texts) => {
        const flagged = judgePrompt({ mode: 'flag', terms: given, tokensMax: null }, { texts, tokens: 1 });
        const blocked = judgePrompt({ mode: 'block', terms: given, tokensMax: null }, { texts, tokens: 1 });

        const flags = flagged.kind === 'pass' ? flagged.flags : [];
        expect(blocked).toEqual(
          flags.length === 0 ? { kind: 'pass', flags: [] } : { kind: 'prompt_rejected', rules: flags },
        );
      }),
      budget(300),
    );
  });

  it('finds a term of words that stands on a line of its own, in any case and spelling width', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{2,8}$/), { minLength: 1, maxLength: 3 });
    const spelled = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.toUpperCase(),
      (text) => text.replaceAll(' ', '  '),
      (text) =>
        [...text]
          .map((letter) => (letter === ' ' ? ' ' : String.fromCodePoint(letter.charCodeAt(0) + 0xfee0)))
          .join(''),
    );
    fc.assert(
      fc.property(words, spelled, soup, soup, (term, spell, before, after) => {
        const text = `${before}\n${spell(term.join(' '))}\n${after}`;

        expect(rulesThatFind([term.join(' ')], [text])).toContain('operator_terms');
      }),
      budget(500),
    );
  });

  it('folds a folded text to itself, and every view to words with single spaces', () => {
    fc.assert(
      fc.property(soup, (text) => {
        const plain = plainText(text);
        const folded = foldText(text);

        expect(foldPhrase(foldPhrase(text))).toBe(foldPhrase(text));
        expect(plainText(plain)).toBe(plain);
        for (const view of [...folded.views, ...folded.leetViews]) expect(view).toMatch(/^ (\S+ )* ?$/u);
      }),
      budget(500),
    );
  });

  // A pattern that goes back over the text for every place would take hours; the timeout of a test is the bound.
  it('ends soon on the longest prompt of anything repeated', () => {
    fc.assert(
      fc.property(piece, piece, (one, other) => {
        const text = (one + other).repeat(promptLimits.xmlBytesMax).slice(0, promptLimits.xmlBytesMax);
        const judged = judgePrompt(
          { mode: 'block', terms: [one + other], tokensMax: null },
          { texts: [text, text], tokens: 1 },
        );

        expect(['pass', 'prompt_rejected']).toContain(judged.kind);
      }),
      budget(40),
    );
  });
});
