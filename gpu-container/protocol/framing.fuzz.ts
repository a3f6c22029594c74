import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import type { Frame } from './framing.ts';
import { createFrameReader, encodeFrame } from './framing.ts';
import type { WorkerMessage } from './messages.ts';
import { workerMessageSchema } from './messages.ts';

const idArbitrary = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const messageArbitrary: fc.Arbitrary<WorkerMessage> = fc.oneof(
  fc.record({ type: fc.constant('ping' as const), sequence: fc.nat() }),
  fc.record({ type: fc.constant('cancel' as const), id: idArbitrary }),
  fc.record({ type: fc.constant('drain' as const) }),
);
const junkArbitrary = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc.json().map((text) => Buffer.from(`${text}\n`)),
);
const cutsArbitrary = fc.array(fc.nat({ max: 4000 }), { maxLength: 30 });

/** Feeds the bytes cut at the given places. */
function readInPieces(bytes: Uint8Array, cuts: readonly number[], bytesMax: number): Frame<WorkerMessage>[] {
  const read = createFrameReader(workerMessageSchema, bytesMax);
  const places = [...cuts.map((cut) => Math.min(cut, bytes.byteLength)), bytes.byteLength].toSorted(
    (a, b) => a - b,
  );
  let start = 0;
  return places.flatMap((place) => {
    const frames = read(bytes.subarray(start, place));
    start = place;
    return frames;
  });
}

describe('framing under fuzz', () => {
  it('gives back every message, however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(messageArbitrary, { maxLength: 12 }), cutsArbitrary, (messages, cuts) => {
        const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)));

        const frames = readInPieces(bytes, cuts, 4096);

        expect(frames).toEqual(messages.map((message) => ({ kind: 'message', message })));
      }),
      budget(300),
    );
  });

  it('gives the same frames and the same fault for any split of any bytes, and never throws', () => {
    const pieceArbitrary = fc.oneof(
      messageArbitrary.map((message) => encodeFrame(message)),
      junkArbitrary,
    );
    fc.assert(
      fc.property(fc.array(pieceArbitrary, { maxLength: 8 }), cutsArbitrary, (pieces, cuts) => {
        const bytes = Buffer.concat(pieces);

        const whole = readInPieces(bytes, [], 256);

        expect(readInPieces(bytes, cuts, 256)).toEqual(whole);
        expect(whole.filter((frame) => frame.kind === 'fault').length).toBeLessThanOrEqual(1);
      }),
      budget(300),
    );
  });
});
