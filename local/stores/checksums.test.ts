import { describe, expect, it } from 'vitest';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import { unsnap, varint } from './snappy.ts';

describe('crc32c', () => {
  it('has the check value of its polynomial', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
  });

  it('is masked as LevelDB masks it, so that no stored checksum is one of itself', () => {
    // Zeros from RFC 3720, B.4.
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa);
    expect(maskedCrc32c(Buffer.alloc(32))).toBe(
      (((0x8a91_36aa >>> 15) | (0x8a91_36aa << 17)) + 0xa282_ead8) >>> 0,
    );
  });
});

describe('unsnap', () => {
  it('takes literals, and copies that reach into what they write', () => {
    const literalAb = [4, 97, 98];
    const eightFromTwoBack = [((8 - 4) << 2) | 1, 2];

    expect(Buffer.from(unsnap(Uint8Array.of(10, ...literalAb, ...eightFromTwoBack))).toString()).toBe(
      'ababababab',
    );
  });

  it.each([
    ['a literal past the end', [5, 16, 97]],
    ['a copy from before the beginning', [8, 0, 97, ((4 - 4) << 2) | 1, 9]],
    ['less than it says', [9, 0, 97]],
    ['a number without an end', [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]],
  ])('refuses %s', (_, bytes) => {
    expect(() => unsnap(Uint8Array.from(bytes))).toThrow();
  });

  it('reads numbers of several bytes', () => {
    expect(varint(Uint8Array.of(0xac, 2, 7), 0)).toEqual([300, 2]);
  });
});
