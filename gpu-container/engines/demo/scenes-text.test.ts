import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerText } from './scenes-text.ts';

/** What was told for each piece, and at the end. */
function tell(stops: readonly string[], ...pieces: (string | Uint8Array)[]): string[] {
  const text = new AnswerText(stops);
  const told = pieces.map((piece) => text.add(typeof piece === 'string' ? Buffer.from(piece) : piece));
  return [...told, text.rest()];
}

describe('the text of an answer', () => {
  it('tells each piece as it comes', () => {
    expect(tell([], 'A', ' large', ' ring')).toEqual(['A', ' large', ' ring', '']);
  });

  it('holds a character back until it is whole, and replaces one that never is', () => {
    expect(tell([], Uint8Array.of(0xc3), Uint8Array.of(0xa4))).toEqual(['', 'ä', '']);
    expect(tell([], Uint8Array.of(0xc3))).toEqual(['', '\ufffd']);
  });

  it('ends before a stop string, also where it comes in pieces, and tells nothing after it', () => {
    expect(tell(['cd'], 'ab', 'c', 'd', 'ef')).toEqual(['ab', '', '', '', '']);
    expect(tell(['cd', 'b'], 'abcd')).toEqual(['a', '']);
  });

  it('tells what only began like a stop string', () => {
    expect(tell(['cde'], 'abc', 'd', 'x')).toEqual(['ab', '', 'cdx', '']);
    expect(tell(['cde'], 'abcd')).toEqual(['ab', 'cd']);
  });

  it('tells the same whatever the pieces, and never any of a stop string', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', 'ä'), { maxLength: 12 });
    const stop = fc.array(fc.constantFrom('a', 'b', 'ä'), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        letters,
        fc.array(stop, { maxLength: 3 }),
        fc.infiniteStream(fc.nat(4)),
        (all, some, cuts) => {
          const whole = all.join('');
          const stops = some.map((each) => each.join(''));
          const bytes = Buffer.from(whole);
          const pieces: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; ) {
            const length = 1 + (cuts.next().value ?? 0);
            pieces.push(bytes.subarray(at, at + length));
            at += length;
          }
          const told = tell(stops, ...pieces).join('');

          const places = stops.map((each) => whole.indexOf(each)).filter((place) => place >= 0);
          // A long stop string that begins before a short one may end after it: then the short one counts.
          expect(whole.startsWith(told)).toBe(true);
          for (const each of stops) expect(told.includes(each)).toBe(false);
          if (places.length === 0) expect(told).toBe(whole);
        },
      ),
    );
  });
});
