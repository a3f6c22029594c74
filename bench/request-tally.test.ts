import { describe, expect, it } from 'vitest';
import { indexUnits } from './request-tally.ts';

const item = { pk: 'T#a', sk: 'J#1', line: 'demo#interactive', tag: 1, class: 'interactive' };
const created = { pk: 'T#a', sk: 'J#1', created: 1 };

describe('the units that a write costs in the indexes', () => {
  it.each([
    ['an item without the keys of an index', undefined, { pk: 'K#1', sk: 'KEY' }, 0],
    ['an item that enters one', undefined, item, 1],
    ['an item that enters both', undefined, { ...item, ...created }, 2],
    ['an item that leaves', item, { ...item, line: undefined }, 1],
    ['an item that is deleted', item, undefined, 1],
    ['an item that moves within', item, { ...item, tag: 2 }, 2],
    ['an item whose projected attribute changed', item, { ...item, class: 'batch' }, 1],
    ['an item of which only something else changed', item, { ...item, prompt: 'a ring' }, 0],
    ['an item of 2 KB that enters', undefined, { ...item, place: 'x'.repeat(1_500) }, 2],
  ])('are for %s as AWS says', (_, before, after, units) => {
    expect(indexUnits(before, after)).toBe(units);
  });
});
