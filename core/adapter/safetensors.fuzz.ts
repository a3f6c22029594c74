/** Properties of what reads the files of adapters. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '#sim/fuzz-budget.ts';
import { readAdapter } from './check-file.ts';
import { fileOf, safetensorsFile } from './file-under-test.ts';
import { adapterRules } from './refusal.ts';
import { readSafetensors } from './safetensors.ts';

const nameArbitrary = fc.oneof(
  fc.stringMatching(/^[a-z_.]{1,12}$/),
  fc.constantFrom('__proto__', 'constructor', 'toString', '', 'a.lora_A.weight', 'a.lora_B.weight'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
const tensorsArbitrary = fc.dictionary(
  nameArbitrary.filter((name) => name !== '__metadata__' && name !== '__proto__'),
  fc.record({
    dtype: fc.constantFrom('F16' as const, 'BF16' as const, 'F32' as const, 'U8' as const),
    shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
  }),
  { maxKeys: 8 },
);
const entryArbitrary = fc.record({
  dtype: fc.constantFrom('F16', 'F32', 'U8', 'F17'),
  shape: fc.array(fc.oneof(fc.nat({ max: 4 }), fc.integer(), fc.double()), { maxLength: 6 }),
  data_offsets: fc.array(fc.oneof(fc.nat({ max: 20 }), fc.integer()), { maxLength: 3 }),
});

describe('files of adapters under fuzz', () => {
  it('reads every well-formed file back: each tensor once, each byte of data in exactly one', () => {
    fc.assert(
      fc.property(tensorsArbitrary, (tensors) => {
        const file = safetensorsFile(tensors);

        const got = readSafetensors(file, file.byteLength);

        if (got.kind === 'refused') throw new Error(got.detail);
        const read = got.tensors.map(({ name, dtype, shape }) => [name, { dtype, shape }]);
        expect(new Map(read as [string, object][])).toEqual(new Map(Object.entries(tensors)));
        const bytes = got.tensors.reduce((sum, { start, end }) => sum + end - start, 0);
        expect(bytes).toBe((got.tensors.at(-1)?.end ?? 0) - (got.tensors[0]?.start ?? 0));
      }),
      budget(300),
    );
  });

  it('never takes a file that was cut, lengthened, or is of another length than is said', () => {
    fc.assert(
      fc.property(
        tensorsArbitrary,
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (tensors, by, isLonger) => {
          const file = safetensorsFile(tensors);
          const bytes = isLonger ? file.byteLength + by : Math.max(0, file.byteLength - by);

          expect(readSafetensors(file.subarray(0, bytes), bytes)).toMatchObject({ kind: 'refused' });
        },
      ),
      budget(300),
    );
  });

  it('answers any bytes and any JSON by a reading or a rule, and throws never', () => {
    const fileArbitrary = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.json().map((text) => fileOf(text)),
      fc
        .tuple(fc.dictionary(nameArbitrary, entryArbitrary), fc.nat({ max: 20 }))
        .map(([entries, bytes]) => fileOf(JSON.stringify(entries), new Uint8Array(bytes))),
      fc.tuple(tensorsArbitrary, fc.nat(), fc.nat({ max: 255 })).map(([tensors, place, value]) => {
        const file = safetensorsFile(tensors);
        file[place % file.byteLength] = value;
        return file;
      }),
    );
    fc.assert(
      fc.property(fileArbitrary, (file) => {
        const got = readAdapter(file, file.byteLength);

        if (got.kind === 'refused') {
          expect(Object.keys(adapterRules)).toContain(got.rule);
          expect(got.detail).toMatch(/^[\x20-\x7e]+$/);
          return;
        }
        for (const { down, up, rank } of got.layers) {
          expect([down.shape[0], up.shape[1]]).toEqual([rank, rank]);
          expect(up.end).toBeLessThanOrEqual(file.byteLength);
        }
      }),
      budget(500),
    );
  });

  it('ends soon with headers that are made to be slow', { timeout: 20_000 }, () => {
    const length = 1_000_000;
    const texts = [
      `{"${'\\\\'.repeat(length / 2)}":1}`,
      `{"a"${' '.repeat(length)}:1}`,
      `{"a":[${'"x" ,'.repeat(length / 5)}1]}`,
      `{"a":${'['.repeat(length / 2)}${']'.repeat(length / 2)}}`,
      `{"${'a.'.repeat(length / 2)}":1}`,
      `{"a":${'{"b":'.repeat(length / 8)}1${'}'.repeat(length / 8)}}`,
    ];

    for (const text of texts) {
      const file = fileOf(text);
      expect(readSafetensors(file, file.byteLength)).toMatchObject({ kind: 'refused' });
    }
  });
});
