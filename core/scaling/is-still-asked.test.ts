import { describe, expect, it } from 'vitest';
import { isStillAsked } from './is-still-asked.ts';

describe('a change of how many workers are desired', () => {
  it.each([
    { asked: 1, when: 'nobody has asked since', isTaken: true },
    { asked: 2, when: 'it was made already', isTaken: true },
    { asked: 3, when: 'somebody asked for more', isTaken: false },
    { asked: 0, when: 'somebody asked for fewer', isTaken: false },
  ])('from 1 to 2 where $when: $isTaken', ({ asked, isTaken }) => {
    expect(isStillAsked(asked, { before: 1, desired: 2 })).toBe(isTaken);
  });
});
