import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { startFileCheck } from './check-file.ts';
import { fileOf, loraFile } from './file-under-test.ts';

const sha256Of = (file: Uint8Array) => createHash('sha256').update(file).digest('hex');

function check(file: Uint8Array, expected: { bytes?: number; sha256?: string } = {}, pieceBytes = 7) {
  const running = startFileCheck({ bytes: file.byteLength, sha256: sha256Of(file), ...expected });
  for (let at = 0; at < file.byteLength; at += pieceBytes) {
    if (!running.push(file.subarray(at, at + pieceBytes))) break;
  }
  return running.verdict();
}

describe('checking a file piece by piece', () => {
  it.each([1, 7, 1_000])('finds a LoRA in pieces of %i bytes', (pieceBytes) => {
    expect(check(loraFile(3), {}, pieceBytes)).toEqual({ kind: 'lora', rankMax: 3, layers: 1 });
  });

  it('refuses other bytes than were said, whatever they are', () => {
    const file = loraFile();

    expect(check(file, { sha256: '0'.repeat(64) })).toMatchObject({ rule: 'sha256_differs' });
    expect(check(file, { bytes: file.byteLength + 1 })).toMatchObject({ rule: 'bytes_differ' });
    expect(check(file, { bytes: file.byteLength - 1 })).toMatchObject({ rule: 'bytes_differ' });
  });

  it('stops reading a file once it is longer than was said', () => {
    const running = startFileCheck({ bytes: 10, sha256: '0'.repeat(64) });

    expect([running.push(new Uint8Array(10)), running.push(new Uint8Array(1))]).toEqual([true, false]);
  });

  it('says what is wrong with a file that came as was said', () => {
    expect(check(fileOf('{}'))).toMatchObject({ kind: 'refused', rule: 'empty' });
    expect(check(Buffer.from('PK\u0003\u0004'))).toMatchObject({ kind: 'refused', rule: 'pickle' });
  });
});
