import { deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageLimits } from '../limits.ts';
import { checkImage } from './check-image.ts';
import type { ImageType } from './image-header.ts';
import { packedRows, pngChunk, pngOf } from './png-under-test.ts';

const picture = sharp({ create: { width: 60, height: 40, channels: 3, background: '#336699' } });
const png = await picture.clone().png().toBuffer();
const jpeg = await picture.clone().jpeg().toBuffer();
const webp = await picture.clone().webp().toBuffer();
const gif = await picture.clone().gif().toBuffer();
const tiff = await picture.clone().tiff().toBuffer();
const pictures: readonly (readonly [string, ImageType, Buffer])[] = [
  ['a PNG', 'image/png', png],
  ['an interlaced PNG', 'image/png', await picture.clone().png({ progressive: true }).toBuffer()],
  ['a PNG of a palette', 'image/png', await picture.clone().png({ palette: true }).toBuffer()],
  ['a JPEG', 'image/jpeg', jpeg],
  ['a progressive JPEG', 'image/jpeg', await picture.clone().jpeg({ progressive: true }).toBuffer()],
  [
    'a JPEG with a colour profile',
    'image/jpeg',
    await picture.clone().withIccProfile('p3').jpeg().toBuffer(),
  ],
  ['a JPEG of four inks', 'image/jpeg', await picture.clone().toColourspace('cmyk').jpeg().toBuffer()],
  ['a WebP', 'image/webp', webp],
  ['a WebP without loss', 'image/webp', await picture.clone().webp({ lossless: true }).toBuffer()],
  [
    'a WebP with alpha and EXIF',
    'image/webp',
    await picture
      .clone()
      .ensureAlpha(0.5)
      .withExif({ IFD0: { Copyright: 'c' } })
      .webp()
      .toBuffer(),
  ],
];

async function frames(count: number): Promise<Buffer> {
  const raw = { width: 8, height: 8 * count, channels: 3, pageHeight: 8 } as const;
  const pixels = Buffer.from(Array.from({ length: 8 * 8 * 3 * count }, (_, index) => (index * 7) & 0xff));
  return sharp(pixels, { raw }).webp({ loop: 0 }).toBuffer();
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

describe('a picture that may be decoded', () => {
  it.each(pictures)('%s is read: type, width and height', (_what, type, bytes) => {
    expect(checkImage(bytes, null)).toEqual({ kind: 'ok', type, width: 60, height: 40 });
    expect(checkImage(bytes, type)).toMatchObject({ kind: 'ok' });
  });

  it('may be as large as the limits and no larger', () => {
    const rows = deflateSync(Buffer.alloc(imageLimits.pixelsMax / 8 + imageLimits.pixelsMax / 4_096));
    const padding = pngChunk('IDAT', Buffer.alloc((imageLimits.pixelsMax * 4) / imageLimits.ratioMax));
    const sized = (width: number, height: number): string => {
      const checked = checkImage(pngOf({ width, height, packed: rows, chunks: [padding] }), null);
      return checked.kind === 'ok' ? 'ok' : checked.rule;
    };

    expect([sized(4_096, 4_096), sized(4_096, 4_097)]).toEqual(['ok', 'too_many_pixels']);
    expect([sized(8_192, 2_048), sized(8_193, 16), sized(16, 8_193)]).toEqual([
      'ok',
      'side_too_long',
      'side_too_long',
    ]);
  });

  it('may pack as far as masks do while it is small', () => {
    const side = Math.sqrt(imageLimits.ratioFreePixelsMax);

    expect(checkImage(pngOf({ width: side, height: side }), null).kind).toBe('ok');
    expect(checkImage(pngOf({ width: side, height: side + 1 }), null)).toMatchObject({ rule: 'ratio' });
  });
});

describe('a bomb', () => {
  it('of 30,000 by 30,000 pixels in a hundred kB is refused by its header', () => {
    const bomb = pngOf({ width: 30_000, height: 30_000 });

    expect(bomb.length).toBeLessThan(150_000);
    expect(checkImage(bomb, 'image/png')).toMatchObject({ rule: 'side_too_long' });
  });

  it('of as many pixels as four bytes can say is refused', () => {
    const bomb = pngOf({ width: 0x7fff_ffff, height: 0x7fff_ffff, packed: packedRows(1, 1, 1) });

    expect(checkImage(bomb, null)).toMatchObject({ rule: 'side_too_long' });
  });

  it('of an animated PNG is refused, whether its frames are said or only there', () => {
    const said = pngOf({
      width: 8,
      height: 8,
      chunks: [pngChunk('acTL', Buffer.concat([word(100_000), word(0)]))],
    });
    const there = pngOf({
      width: 8,
      height: 8,
      chunks: [pngChunk('fdAT', Buffer.concat([word(1), packedRows(8, 8, 1)]))],
    });

    expect(checkImage(said, null)).toMatchObject({ rule: 'too_many_frames' });
    expect(checkImage(there, null)).toMatchObject({ rule: 'too_many_frames' });
  });

  it('of an animated WebP is refused', async () => {
    expect(checkImage(await frames(2), null)).toMatchObject({ rule: 'too_many_frames' });
    expect(checkImage(await frames(500), null)).toMatchObject({
      rule: 'too_many_frames',
      detail: expect.stringContaining('500'),
    });
  });

  it('of packed text or a packed profile is refused', () => {
    const zeros = deflateSync(Buffer.alloc(100_000_000), { level: 9 });

    for (const name of ['zTXt', 'iCCP', 'iTXt']) {
      const bomb = pngOf({
        width: 8,
        height: 8,
        chunks: [pngChunk(name, Buffer.concat([Buffer.from('a\0\0'), zeros]))],
      });
      expect(checkImage(bomb, null)).toMatchObject({ rule: 'metadata_too_large' });
    }
  });

  it('of plain metadata is refused', () => {
    const chunks = Array.from({ length: 5 }, () => pngChunk('tEXt', Buffer.alloc(1_000_000, 'x')));

    expect(checkImage(pngOf({ width: 8, height: 8, chunks }), null)).toMatchObject({
      rule: 'metadata_too_large',
    });
  });

  it('of empty pieces is refused', () => {
    const pieces = Buffer.concat(Array.from({ length: imageLimits.piecesMax }, () => pngChunk('tEXt')));
    const webpPieces = Buffer.concat(
      Array.from({ length: imageLimits.piecesMax }, () => Buffer.from('XYZW\0\0\0\0')),
    );
    const riff = Buffer.concat([webp, webpPieces]);
    riff.writeUInt32LE(riff.length - 8, 4);
    const segments = Buffer.alloc(imageLimits.piecesMax * 4, Buffer.from([0xff, 0xe5, 0, 2]));
    const jpegs = Buffer.concat([jpeg.subarray(0, 2), segments, jpeg.subarray(2)]);

    for (const bytes of [pngOf({ width: 8, height: 8, chunks: [pieces] }), riff, jpegs]) {
      expect(checkImage(bytes, null)).toMatchObject({ rule: 'too_many_pieces' });
    }
  });

  it('of passes over a JPEG is refused', () => {
    const scanAt = jpeg.indexOf(Buffer.from([0xff, 0xda]));
    const scan = jpeg.subarray(scanAt, -2);
    const of = (scans: number): Buffer =>
      Buffer.concat([
        jpeg.subarray(0, scanAt),
        ...Array<Buffer>(scans).fill(scan),
        Buffer.from([0xff, 0xd9]),
      ]);

    expect(checkImage(of(imageLimits.scansMax), null).kind).toBe('ok');
    expect(checkImage(of(imageLimits.scansMax + 1), null)).toMatchObject({ rule: 'too_many_scans' });
  });

  it('of plain size is refused before it is looked into', () => {
    const bytes = Buffer.concat([png, Buffer.alloc(imageLimits.bytesMax)]);

    expect(checkImage(bytes, null)).toMatchObject({ rule: 'too_many_bytes' });
    expect(checkImage(bytes.subarray(0, imageLimits.bytesMax), null)).toMatchObject({
      rule: 'trailing_data',
    });
  });
});

describe('a file that is two things', () => {
  const others = [
    ['a ZIP', Buffer.from('PK\x03\x04')],
    ['HTML', Buffer.from('<script>alert(1)</script>')],
    ['a second picture', png],
    ['one byte', Buffer.from([0])],
  ] as const;

  it.each(
    pictures.flatMap(([name, , bytes]) => others.map(([what, more]) => [name, what, bytes, more] as const)),
  )('%s with %s behind it is refused', (_name, _what, bytes, more) => {
    expect(checkImage(Buffer.concat([bytes, more]), null)).toMatchObject({ rule: 'trailing_data' });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a GIF', gif],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['HTML', Buffer.from('<!doctype html>')],
    ['a gzip', gzipSync(png)],
    ['a TIFF', tiff],
    ['an AVIF', Buffer.from('\0\0\0\x1cftypavif')],
    ['a PDF before a JPEG', Buffer.concat([Buffer.from('%PDF-1.4\n'), jpeg])],
    ['a RIFF of sound', Buffer.from('RIFF\x04\0\0\0WAVE')],
    ['the first bytes of a PNG', png.subarray(0, 7)],
  ])('%s is of no type that is taken', (_what, bytes) => {
    expect(checkImage(bytes, 'image/png')).toMatchObject({ rule: 'unknown_type' });
  });

  it('is refused where it is not what it is said to be', () => {
    for (const [, type, bytes] of pictures) {
      for (const said of ['image/png', 'image/jpeg', 'image/webp', 'image/jpg', 'text/html', '']) {
        const checked = checkImage(bytes, said);
        expect(checked.kind === 'ok' ? 'ok' : checked.rule).toBe(said === type ? 'ok' : 'type_differs');
      }
    }
  });
});

describe('a damaged file', () => {
  it.each(pictures)('%s that ends anywhere before its end is refused', (_what, type, bytes) => {
    for (let length = 12; length < bytes.length; length += 1) {
      expect(checkImage(bytes.subarray(0, length), type)).toMatchObject({
        kind: 'refused',
        rule: 'malformed',
      });
    }
  });

  it.each([
    ['two headers', pngOf({ width: 8, height: 8, chunks: [png.subarray(8, 33)] })],
    ['no picture', Buffer.concat([png.subarray(0, 33), pngChunk('IEND')])],
    ['no width', pngOf({ width: 0, height: 8 })],
    ['a size that WebP says twice', twoSizes()],
  ])('one with %s is refused', (_what, bytes) => {
    expect(checkImage(bytes, null)).toMatchObject({ rule: 'malformed' });
  });

  it('never throws, and what passes is within every limit', () => {
    const sources = pictures.map(([, , bytes]) => bytes);
    const edit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    const mutated = fc
      .tuple(fc.constantFrom(...sources), fc.array(edit, { minLength: 1, maxLength: 6 }), fc.option(fc.nat()))
      .map(([source, edits, cut]) => {
        const bytes = Buffer.from(source);
        // Headers are where what is read lies, so most edits go there.
        for (const [at, byte] of edits) bytes[at % (at % 3 === 0 ? bytes.length : 64)] = byte;
        return cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
      });

    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const checked = checkImage(bytes, null);
        if (checked.kind === 'refused') return;
        expect(checked.width).toBeGreaterThan(0);
        expect(checked.height).toBeGreaterThan(0);
        expect(checked.width * checked.height).toBeLessThanOrEqual(imageLimits.pixelsMax);
      }),
      { numRuns: 10_000 },
    );
  });
});

/** An extended WebP whose canvas is smaller than its picture. */
function twoSizes(): Buffer {
  const extended = Buffer.alloc(18);
  extended.write('VP8X');
  extended.writeUInt32LE(10, 4);
  const bytes = Buffer.concat([webp.subarray(0, 12), extended, webp.subarray(12)]);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  return bytes;
}
