/** Properties of the reader of batch files over broken files and over every way of cutting them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { batchLimits } from '../limits.ts';
import { createJsonlReader, type JsonlEntry } from './jsonl.ts';

const limits = {
  ...batchLimits,
  linesMax: 6,
  fileBytesMax: 300,
  lineBytesMax: 80,
  lineDepthMax: 4,
  lineValuesMax: 6,
};

const text = fc.constantFrom(
  ...[
    '{"custom_id":"a"}',
    '{"custom_id":"b"}',
    '{"custom_id":"c","body":{"x":[1]}}',
    '{}',
    '[]',
    'null',
    '1',
    '"',
  ],
  ...[
    '\n',
    '\n',
    '\r\n',
    '\r',
    ' ',
    '\ufeff',
    '\0',
    '{',
    '}',
    '[[[[[',
    '\\',
    '\\"',
    ',',
    ':',
    'é',
    '🗼',
    '__proto__',
  ],
  ...['"custom_id"', '"a"', 'x'.repeat(90)],
);
const piece = fc.oneof(
  { weight: 6, arbitrary: text.map((each) => Buffer.from(each)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((each) => Buffer.from(each)) },
);
const file = fc.array(piece, { maxLength: 24 }).map((pieces) => Buffer.concat(pieces));
const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 12 });

function readCut(bytes: Buffer, at: readonly number[]): JsonlEntry[] {
  const reader = createJsonlReader(limits);
  const edges = [
    ...at.filter((edge) => edge < bytes.length).toSorted((left, right) => left - right),
    bytes.length,
  ];
  let start = 0;
  const entries = edges.flatMap((edge) => {
    // One buffer for all chunks, as streams may do: what is kept must be a copy.
    const chunk = Buffer.from(bytes.subarray(start, edge));
    start = edge;
    const found = reader.push(chunk);
    chunk.fill(0x21);
    return found;
  });
  return [...entries, ...reader.end()];
}

describe('the reader of batch files', () => {
  it('finds the same in a file however it is cut, and never throws', () => {
    fc.assert(
      fc.property(file, cuts, (bytes, at) => {
        const everyByte = Array.from({ length: bytes.length }, (_, edge) => edge);

        const whole = readCut(bytes, []);

        expect(readCut(bytes, at)).toEqual(whole);
        expect(readCut(bytes, everyByte)).toEqual(whole);
      }),
      budget(3_000),
    );
  });

  it('tells of every line that is not blank exactly once, in order, and where it begins', () => {
    fc.assert(
      fc.property(file, (bytes) => {
        const entries = readCut(bytes, []);

        const numbers = entries.map(({ number }) => number);
        expect(numbers).toEqual([...numbers].toSorted((left, right) => left - right));
        for (const { number, byteOffset } of entries) {
          expect(bytes.subarray(0, byteOffset).filter((byte) => byte === 0x0a).length).toBe(number - 1);
          if (byteOffset > 0) expect(bytes[byteOffset - 1]).toBe(0x0a);
        }
        if (entries.at(-1)?.kind === 'refused') return;
        const written = bytes
          .toString('latin1')
          .split('\n')
          .map((each, index) => (index === 0 ? each.replace(/^\u00ef\u00bb\u00bf/, '') : each))
          .filter((each) => !/^[ \t\r]*$/.test(each));
        expect(new Set(numbers).size).toBe(written.length);
      }),
      budget(3_000),
    );
  });

  it('lets lines through that JSON.parse reads alike, each custom_id once', () => {
    fc.assert(
      fc.property(file, (bytes) => {
        const lines = readCut(bytes, []).filter((entry) => entry.kind === 'line');

        const ids = lines.map(({ customId }) => customId);
        expect(new Set(ids).size).toBe(ids.length);
        for (const { byteOffset, value, customId } of lines) {
          const found =
            bytes
              .subarray(byteOffset)
              .toString()
              .replace(/^\ufeff/, '')
              .split('\n')[0] ?? '';
          expect(JSON.parse(found)).toEqual(value);
          expect(value).toHaveProperty('custom_id', customId);
        }
      }),
      budget(3_000),
    );
  });

  it('reads any JSON objects that are written as lines', () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), {
      minLength: 1,
      maxLength: 6,
    });

    fc.assert(
      fc.property(objects, (bodies) => {
        const lines = bodies.map((body, index) => JSON.stringify({ custom_id: `${index}`, body }));
        const reader = createJsonlReader();

        const entries = [...reader.push(Buffer.from(lines.join('\n'))), ...reader.end()];

        const expected = lines.map((line) => (line.includes('"__proto__":') ? 'fault' : 'line'));
        expect(entries.map(({ kind }) => kind)).toEqual(expected);
      }),
      budget(300),
    );
  });
});
