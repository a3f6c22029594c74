import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { batchLimits } from '../limits.ts';
import { createJsonlReader, type JsonlEntry } from './jsonl.ts';

/** The memory tests read files of hundreds of megabytes, on machines that may have much else to do. */
vi.setConfig({ testTimeout: 120_000 });

const limits = {
  ...batchLimits,
  linesMax: 4,
  fileBytesMax: 200,
  lineBytesMax: 60,
  lineDepthMax: 3,
  lineValuesMax: 8,
};

function read(
  file: string | Uint8Array,
  own: Parameters<typeof createJsonlReader>[0] = batchLimits,
): JsonlEntry[] {
  const reader = createJsonlReader(own);
  return [...reader.push(Buffer.from(file)), ...reader.end()];
}

function line(customId: string, more = ''): string {
  return `{"custom_id":"${customId}"${more}}`;
}

describe('lines', () => {
  it('come with their number, their place and what they hold', () => {
    const entries = read(`${line('a')}\n\n${line('b', ',"body":{"é":1}')}`);

    expect(entries).toEqual([
      { kind: 'line', number: 1, byteOffset: 0, customId: 'a', value: { custom_id: 'a' } },
      { kind: 'line', number: 3, byteOffset: 19, customId: 'b', value: { custom_id: 'b', body: { é: 1 } } },
    ]);
  });

  it.each([
    ['line feeds', '\n'],
    ['carriage returns and line feeds', '\r\n'],
  ])('may end in %s, the last one in none', (_what, separator) => {
    const entries = read([line('a'), line('b'), line('c')].join(separator));

    expect(entries.map((each) => each.kind === 'line' && each.customId)).toEqual(['a', 'b', 'c']);
  });

  it('may follow a byte order mark, once', () => {
    expect(read(`\ufeff${line('a')}\n`)).toMatchObject([{ kind: 'line', customId: 'a' }]);
    expect(read(`\ufeff\ufeff${line('a')}\n`)).toMatchObject([{ code: 'byte_order_mark' }]);
    expect(read(`${line('a')}\n\ufeff${line('b')}\n`)).toMatchObject([
      { kind: 'line' },
      { code: 'byte_order_mark' },
    ]);
  });

  it('are not ended by the separators that JSON strings may hold', () => {
    expect(read(line('a', ',"b":"\u2028\u2029\u0085"'))).toMatchObject([{ kind: 'line' }]);
  });
});

describe('a line that is none', () => {
  it.each([
    ['no JSON', '{"custom_id":', 'not_json'],
    ['two objects', `${line('a')}${line('b')}`, 'not_json'],
    ['a comment', `// ${line('a')}`, 'not_json'],
    ['NaN', line('a', ',"b":NaN'), 'not_json'],
    ['a carriage return alone', `${line('a')}\r${line('b')}`, 'not_json'],
    ['an array', '["custom_id"]', 'not_object'],
    ['a string', '"custom_id"', 'not_object'],
    ['null', 'null', 'not_object'],
    ['a zero byte', `${line('a')}\0`, 'nul'],
    ['UTF-16', Buffer.from(`\ufeff${line('a')}`, 'utf16le'), 'nul'],
    ['UTF-16 without an ASCII letter', Buffer.from([0xff, 0xfe, 0x42, 0x30]), 'not_utf8'],
    [
      'half a character',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xe3, 0x81]), Buffer.from('"}')]),
      'not_utf8',
    ],
    ['a long form of a slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'not_utf8'],
    ['half a surrogate pair as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'not_utf8'],
    ['a __proto__', line('a', ',"b":[{"__proto__":{}}]'), 'forbidden_key'],
    ['a __proto__ in escapes', line('a', ',"\\u005f_proto__":{}'), 'forbidden_key'],
    ['no custom_id', '{"body":{}}', 'custom_id_missing'],
    ['a number as custom_id', '{"custom_id":1}', 'custom_id_invalid'],
    ['null as custom_id', '{"custom_id":null}', 'custom_id_invalid'],
    ['an empty custom_id', line(''), 'custom_id_invalid'],
    ['a line break in custom_id', line('a\\nb'), 'custom_id_invalid'],
    ['half a surrogate pair in custom_id', line('\\ud800'), 'custom_id_invalid'],
  ])('%s is told by its code, and the next is read', (_what, bad, code) => {
    const entries = read(Buffer.concat([Buffer.from(bad), Buffer.from(`\n${line('next')}\n`)]));

    expect(entries).toMatchObject([
      { kind: 'fault', number: 1, byteOffset: 0, code },
      { kind: 'line', number: 2, customId: 'next' },
    ]);
  });

  it('for a custom_id of an earlier line is told, also where it is spelled otherwise', () => {
    const entries = read([line('a'), line('b'), line('a'), line('\\u0061')].join('\n'));

    expect(entries.map(({ number, kind }) => [number, kind])).toEqual([
      [1, 'line'],
      [2, 'line'],
      [3, 'fault'],
      [4, 'fault'],
    ]);
  });

  it('does not take the custom_id that it bears', () => {
    const entries = read([line('a', ',"b":[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]'), line('a')].join('\n'));

    expect(entries).toMatchObject([{ code: 'too_deep' }, { kind: 'line', customId: 'a' }]);
  });
});

describe('a limit', () => {
  it('of nesting holds at its number: brackets in strings do not count', () => {
    const entries = read(
      [line('a', ',"b":[[0]]'), line('b', ',"c":[[[0]]]'), line('c', ',"d":"[[[["')].join('\n'),
      limits,
    );

    expect(entries).toMatchObject([{ kind: 'line' }, { code: 'too_deep' }, { kind: 'line' }]);
  });

  it('of values holds at its number, at whatever depth', () => {
    const most = line('a', ',"b":[0,0,[0,0]]');
    const more = line('b', ',"b":[0,0,[0,0,0]]');

    expect(read([most, more, line('c', ',"d":",,,,,,,,,"')].join('\n'), limits)).toMatchObject([
      { kind: 'line' },
      { code: 'too_many_values' },
      { kind: 'line' },
    ]);
  });

  it('of a line holds at its number of bytes', () => {
    const longest = line('a').padEnd(limits.lineBytesMax);

    expect(read(longest, limits)).toMatchObject([{ kind: 'line' }]);
    expect(read(`${longest} \n${line('b')}`, limits)).toMatchObject([
      { code: 'line_too_long' },
      { kind: 'line' },
    ]);
  });

  it('of custom_id holds at its number of characters', () => {
    const longest = 'a'.repeat(limits.customIdCharactersMax);

    expect(read(line(longest))).toMatchObject([{ kind: 'line' }]);
    expect(read(line(`${longest}a`))).toMatchObject([{ code: 'custom_id_invalid' }]);
  });

  it('of lines holds at its number, blank ones counted, and ends the file', () => {
    expect(read([line('a'), '', line('b'), `${line('c')}\n`].join('\n'), limits)).toHaveLength(3);
    expect(read([line('a'), '', line('b'), '', line('c'), line('d')].join('\n'), limits)).toMatchObject([
      { kind: 'line', number: 1 },
      { kind: 'line', number: 3 },
      { kind: 'refused', number: 5, code: 'too_many_lines' },
    ]);
    expect(read('\n'.repeat(6), limits)).toMatchObject([{ kind: 'refused', code: 'too_many_lines' }]);
  });

  it('of the file holds at its number of bytes and ends it', () => {
    const whole = `${'x'.repeat(limits.fileBytesMax - 1)}\n`;

    expect(read(whole, limits)).toMatchObject([{ kind: 'fault', code: 'line_too_long' }]);
    expect(read(`${whole}\n`, limits)).toMatchObject([{ code: 'line_too_long' }, { code: 'file_too_large' }]);
    expect(read(`x${whole}`, limits)).toMatchObject([{ kind: 'refused', code: 'file_too_large' }]);
  });
});

describe('a file without a line', () => {
  it.each(['', '\n', '\r\n \t\r\n', '\ufeff', '\ufeff\n'])('%j is refused as empty', (file) => {
    expect(read(file)).toMatchObject([{ kind: 'refused', code: 'empty' }]);
  });

  it('is refused once, whatever comes after', () => {
    const reader = createJsonlReader();

    const entries = [reader.end(), reader.push(Buffer.from(line('a'))), reader.end()];

    expect(entries.map((each) => each.length)).toEqual([1, 0, 0]);
  });
});

describe('a reader that goes on where another stood', () => {
  it('tells the rest of the file, with the same numbers and places', () => {
    const file = Buffer.from(['\ufeff', line('a'), '', 'x', `${line('ü')}\r`, line('c')].join('\n'));
    const whole = createJsonlReader();
    const all = [...whole.push(file), ...whole.end()];

    for (let cut = 0; cut <= file.length; cut += 1) {
      const first = createJsonlReader();
      const before = first.push(file.subarray(0, cut));
      const place = first.place();
      const second = createJsonlReader(undefined, place);
      const after = [...second.push(file.subarray(place.byteOffset)), ...second.end()];

      expect([...before, ...after]).toEqual(all);
    }
  });

  it('does not take a rest without a line for an empty file, and holds to the bounds of the whole', () => {
    const rest = createJsonlReader(undefined, { number: 3, byteOffset: 9 });
    const bounded = createJsonlReader({ ...batchLimits, linesMax: 3 }, { number: 3, byteOffset: 9 });

    expect([...rest.push(Buffer.from('\n\n')), ...rest.end()]).toEqual([]);
    expect(bounded.push(Buffer.from(`${line('a')}\n${line('b')}\n`))).toMatchObject([
      { kind: 'line', number: 3 },
      { kind: 'refused', code: 'too_many_lines', number: 4 },
    ]);
  });
});

/** Numbers of a child process, which reads one kind of file and nothing else. */
const childSchema = z.object({
  peakRssMb: z.number(),
  lines: z.number(),
  faults: z.record(z.string(), z.number()),
  refused: z.string().nullable(),
});

describe('memory', () => {
  it.each([
    ['fifty thousand lines of 4 kB', 'lines', { lines: 50_000 }],
    ['fifty thousand longest ids', 'ids', { lines: 50_000 }],
    ['lines of a megabyte that are all brackets', 'brackets', { faults: { too_many_values: 150 } }],
    ['lines with as many values as may be', 'values', { lines: 150 }],
    ['a line of one gigabyte', 'gigabyte', { lines: 1, refused: 'file_too_large' }],
    ['a line of a megabyte, byte by byte', 'bytes', { lines: 1 }],
    ['line breaks alone', 'breaks', { refused: 'too_many_lines' }],
  ])('stays under 256 MB for %s', async (_what, kind, expected) => {
    const child = new URL('jsonl.memory-child.ts', import.meta.url).pathname;

    const { stdout } = await promisify(execFile)(process.execPath, [child, kind]);

    const measured = childSchema.parse(JSON.parse(stdout));
    expect(measured).toMatchObject(expected);
    expect(measured.peakRssMb).toBeLessThan(256);
  });
});
