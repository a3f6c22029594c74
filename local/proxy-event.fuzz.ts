/** Properties of the reader of a request's target. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { targetOf } from './proxy-event.ts';

const piece = fc.constantFrom(
  '/',
  '//',
  '..',
  '%2e',
  '%',
  '%ff',
  '?',
  '&',
  '=',
  '+',
  '#',
  'a',
  'b',
  'http://',
  '@',
  ':',
  '__proto__',
  '%00',
  '\\',
);
const soup = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));

describe('the target of a request', () => {
  it('keeps its path to the letter, whatever it looks like to others', () => {
    fc.assert(
      fc.property(soup, (text) => {
        const target = `/${text}`;
        const { path } = targetOf(target);

        expect(path).toBe(target.split('?')[0]);
      }),
      budget(1_000),
    );
  });

  it('never throws, and its path starts where the host of an absolute one ends', () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: 'binary', maxLength: 40 })), (text) => {
        const { path } = targetOf(
          `http://host.example${text.startsWith('/') || text.startsWith('?') ? text : ''}`,
        );

        expect(path.length).toBeGreaterThan(0);
        expect(path).not.toContain('host.example');
        targetOf(text);
      }),
      budget(1_000),
    );
  });

  it('gives every name and value of a query back, in order', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 6 }), (pairs) => {
        const { query } = targetOf(`/?${new URLSearchParams(pairs)}`);
        const expected = new Map<string, string[]>();
        for (const [name, value] of pairs) expected.set(name, [...(expected.get(name) ?? []), value]);

        expect(query).toEqual([...expected]);
      }),
      budget(500),
    );
  });
});
