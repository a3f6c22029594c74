import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from './output-lines.ts';

/** Lines of ten characters at most, of what comes in these pieces. */
async function linesOf(...pieces: readonly (string | Buffer)[]) {
  const input = new PassThrough();
  const lines: string[] = [];
  readLines(input, 10, (line) => lines.push(line));
  for (const piece of pieces) input.write(piece);
  input.end();
  await once(input, 'close');
  return lines;
}

describe('lines of what a process prints', () => {
  it('end where a line ends on any system, and with the output', async () => {
    expect(await linesOf('one\ntwo\r\nthree\rfour\n\nfive')).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  it('are whole however they come', async () => {
    const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];

    expect(await linesOf('o', 'ne\r', '\ntw', 'o', first, second, '\n')).toEqual(['one', 'twoé']);
  });

  it('are cut to their limit, and the rest of one is no line of its own', async () => {
    expect(await linesOf('0123456789abc', 'def', 'ghi\nnext\n0123456789abc\n')).toEqual([
      '0123456789',
      'next',
      '0123456789',
    ]);
  });
});
