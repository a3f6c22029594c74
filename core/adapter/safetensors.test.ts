import { describe, expect, it } from 'vitest';
import { adapterLimits } from '../limits.ts';
import { fileOf, loraFile, safetensorsFile } from './file-under-test.ts';
import { readSafetensors } from './safetensors.ts';

const read = (file: Uint8Array) => readSafetensors(file, file.byteLength);
const entry = (shape: number[], start: number, end: number, dtype = 'F16') =>
  JSON.stringify({ dtype, shape, data_offsets: [start, end] });

describe('the header of a safetensors file', () => {
  it('names every tensor with its type, shape and place in the file, in order of place', () => {
    const file = fileOf(`{"b":${entry([2], 4, 8)},"a":${entry([2, 1], 0, 4)}}`, new Uint8Array(8));

    const got = read(file);

    const start = file.byteLength - 8;
    expect(got).toEqual({
      kind: 'header',
      tensors: [
        { name: 'a', dtype: 'F16', shape: [2, 1], start, end: start + 4 },
        { name: 'b', dtype: 'F16', shape: [2], start: start + 4, end: start + 8 },
      ],
    });
  });

  it('may end in spaces, hold texts about the file, and tensors without elements', () => {
    const texts = safetensorsFile({ a: { shape: [0, 7] }, b: { shape: [] } }, { title: 'x' });
    const padded = fileOf(`{"a":${entry([2], 0, 4)}}      `, new Uint8Array(4));

    expect(read(texts)).toMatchObject({ kind: 'header', tensors: [{ name: 'a' }, { name: 'b' }] });
    expect(read(padded)).toMatchObject({ kind: 'header', tensors: [{ name: 'a' }] });
  });

  it.each([640, 896, 1_152, 1_408, 0x1_0280, 0x4b50])(
    'may be %i bytes long, though the length then begins as a pickle or a zip does',
    (bytes) => {
      const file = fileOf(`{"a":${entry([2], 0, 4)}}`.padEnd(bytes), new Uint8Array(4));

      expect(read(file)).toMatchObject({ kind: 'header', tensors: [{ name: 'a' }] });
    },
  );

  it('can be read from the beginning of the file alone', () => {
    const file = loraFile();

    const got = readSafetensors(file.subarray(0, file.byteLength - 40), file.byteLength);

    expect(got).toEqual(read(file));
  });
});

describe('a file that is refused', () => {
  it.each([
    ['a zip of torch.save', Buffer.from('PK\u0003\u0004 archive/data.pkl')],
    ['a bare pickle', Buffer.from([0x80, 2, 0x8a, 10, 0x6c])],
  ])('as a pickle: %s', (_, file) => {
    expect(read(file)).toMatchObject({ kind: 'refused', rule: 'pickle' });
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['seven bytes', new Uint8Array(7)],
    ['GGUF', Buffer.from('GGUF\u0003\u0000\u0000\u0000\u0001\u0000\u0000\u0000')],
    ['a header longer than the file', fileOf('{}').subarray(0, 9)],
    ['no JSON', fileOf('{"a":')],
    ['a list', fileOf('[]')],
    ['white space first', fileOf(' {}')],
    ['a byte order mark', fileOf('\ufeff{}')],
    ['broken UTF-8', Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d])],
    ['a text that goes as deep as it is long', fileOf('['.repeat(200_000))],
  ])('as no safetensors file: %s', (_, file) => {
    expect(read(file)).toMatchObject({ kind: 'refused', rule: 'not_safetensors' });
  });

  it('for a header that is longer than is taken, before any of it is read', () => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(adapterLimits.headerBytesMax + 1));

    expect(readSafetensors(head, 2 ** 30)).toMatchObject({ rule: 'header_too_large' });
  });

  it('for more tensors than are taken', () => {
    const names = Array.from({ length: adapterLimits.tensorsMax + 1 }, (_, index) => `t${index}`);
    const file = safetensorsFile(Object.fromEntries(names.map((name) => [name, { shape: [0] }])));

    expect(read(file)).toMatchObject({ rule: 'too_many_tensors' });
  });

  it.each([
    ['a gap before the first', `{"a":${entry([2], 2, 6)}}`, 6],
    ['a gap between two', `{"a":${entry([1], 0, 2)},"b":${entry([1], 4, 6)}}`, 6],
    ['two that overlap', `{"a":${entry([2], 0, 4)},"b":${entry([2], 2, 6)}}`, 6],
    ['two at one place', `{"a":${entry([2], 0, 4)},"b":${entry([2], 0, 4)}}`, 4],
    ['bytes after the last', `{"a":${entry([2], 0, 4)}}`, 5],
    ['bytes past the end', `{"a":${entry([2], 0, 4)}}`, 3],
    ['an end before its start', `{"a":${entry([1], 4, 2)}}`, 4],
    ['a shape of other bytes', `{"a":${entry([3], 0, 4)}}`, 4],
    ['a shape past all numbers', `{"a":${entry([2 ** 40, 2 ** 40], 0, 4)}}`, 4],
    ['a side below zero', `{"a":${entry([-2], 0, 4)}}`, 4],
    ['a side that is not whole', `{"a":${entry([1.5], 0, 3)}}`, 3],
    ['a type that nobody knows', `{"a":${entry([2], 0, 4, 'F17')}}`, 4],
    ['a type from the prototype', `{"a":${entry([2], 0, 4, 'constructor')}}`, 4],
    ['a name from the prototype', `{"__proto__":{"x":1}}`, 0],
    ['a member that it does not have', '{"a":{"dtype":"F16","shape":[],"data_offsets":[0,2],"x":1}}', 2],
    ['texts that are none', '{"__metadata__":{"a":1}}', 0],
    ['a name twice', `{"a":${entry([2], 0, 4)},"a":${entry([2], 0, 4)}}`, 4],
    ['a name twice, once in escapes', `{"a":${entry([2], 0, 4)},"\\u0061":${entry([2], 0, 4)}}`, 4],
    ['a member twice', '{"a":{"dtype":"F16","dtype":"F16","shape":[],"data_offsets":[0,2]}}', 2],
  ])('as malformed: %s', (_, header, bytes) => {
    expect(read(fileOf(header, new Uint8Array(bytes)))).toMatchObject({ kind: 'refused', rule: 'malformed' });
  });

  it('names a tensor cut and without control characters', () => {
    const got = read(fileOf(JSON.stringify({ [`\u001b[2J${'x'.repeat(500)}`]: 1 })));

    expect(got).toMatchObject({ detail: expect.stringMatching(/: "\?\[2Jx{76}\.\.\." is no entry/) });
  });
});
