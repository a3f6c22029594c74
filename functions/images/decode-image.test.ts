import { randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { pngChunk, pngOf } from '#core/images/png-under-test.ts';
import { imageLimits } from '#core/limits.ts';
import { decodeApart, decodeImage } from './decode-image.ts';
import { type DecodedImage, readDecoderAnswer } from './decoder-answer.ts';

/** Every picture starts a process; on a machine that has much else to do that takes seconds. */
vi.setConfig({ testTimeout: 120_000 });

/** A decoding process with the largest picture stays below 300 MB; nothing that is refused may take more than this. */
const peakRssMbMax = 400;

const rgb = randomBytes(48 * 32 * 3);
const source = sharp(rgb, { raw: { width: 48, height: 32, channels: 3 } });

const png = await source.clone().png().toBuffer();
const lossless = await source.clone().webp({ lossless: true }).toBuffer();
const gif = await source.clone().gif().toBuffer();
const tiff = await source.clone().tiff().toBuffer();

async function measured(decode: (onPeakRssMb: (mb: number) => void) => Promise<DecodedImage>) {
  let peakRssMb = Number.NaN;
  const decoded = await decode((mb) => {
    peakRssMb = mb;
  });
  return { decoded, peakRssMb };
}

describe('a picture', () => {
  it.each([
    ['PNG', png],
    ['WebP without loss', lossless],
  ])('of %s is written anew as PNG, pixel for pixel', async (_what, bytes) => {
    const decoded = await decodeImage(bytes, null);

    expect(decoded).toMatchObject({ kind: 'decoded', type: 'image/png', width: 48, height: 32 });
    const pixels = decoded.kind === 'decoded' ? await sharp(decoded.bytes).raw().toBuffer() : Buffer.alloc(0);
    expect(pixels.equals(rgb)).toBe(true);
  });

  it('of JPEG is written anew as JPEG, turned the way the camera was held', async () => {
    const bytes = await source.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer();

    const decoded = await decodeImage(bytes, 'image/jpeg');

    expect(decoded).toMatchObject({ kind: 'decoded', type: 'image/jpeg', width: 32, height: 48 });
  });

  it('loses all that is not picture', async () => {
    const canary = 'canary-3f81c6';
    const exif = await source
      .clone()
      .withExif({ IFD0: { Copyright: canary } })
      .jpeg()
      .toBuffer();
    const text = Buffer.concat([
      png.subarray(0, 33),
      pngChunk('tEXt', Buffer.from(`a\0${canary}`)),
      png.subarray(33),
    ]);

    const decoded = [await decodeImage(exif, null), await decodeImage(text, null)];

    expect([exif, text].every((each) => each.includes(canary))).toBe(true);
    for (const each of decoded) {
      expect(each.kind === 'decoded' && !Buffer.from(each.bytes).includes(canary)).toBe(true);
    }
  });

  it('as large as the limits is decoded under the cap', async () => {
    const side = Math.sqrt(imageLimits.pixelsMax);
    const raw = { width: side / 4, height: side / 4, channels: 3 } as const;
    const largest = await sharp(randomBytes(raw.width * raw.height * raw.channels), { raw })
      .resize(side, side, { kernel: 'nearest' })
      .jpeg({ quality: 60 })
      .toBuffer();

    const { decoded, peakRssMb } = await measured((onPeakRssMb) =>
      decodeImage(largest, null, { onPeakRssMb }),
    );

    expect(decoded).toMatchObject({ kind: 'decoded', width: side, height: side });
    expect(peakRssMb).toBeLessThan(peakRssMbMax);
  });
});

describe('a bomb that the headers show', () => {
  const bomb = pngOf({ width: 30_000, height: 30_000 });

  it('reaches no decoder', async () => {
    const { decoded, peakRssMb } = await measured((onPeakRssMb) =>
      decodeImage(bomb, 'image/png', { onPeakRssMb }),
    );

    expect(decoded).toMatchObject({ kind: 'refused', rule: 'side_too_long' });
    expect(peakRssMb).toBeNaN();
  });

  it('is refused by the decoder too, were it to come there', async () => {
    const { decoded, peakRssMb } = await measured((onPeakRssMb) => decodeApart(bomb, { onPeakRssMb }));

    expect(decoded).toMatchObject({ rule: 'undecodable', detail: expect.stringContaining('pixel limit') });
    expect(peakRssMb).toBeLessThan(peakRssMbMax);
  });
});

/** Where the time that it takes is not what is asked: a machine with other work takes many times as long. */
const patientMs = 50_000;

describe('a bomb that the headers hide', () => {
  const zeros = deflateSync(Buffer.alloc(500_000_000), { level: 9 });
  const text = deflateSync(Buffer.alloc(60_000_000), { level: 9 });
  const packedText = pngChunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), text]));
  const profile = pngChunk('iCCP', Buffer.concat([Buffer.from('a\0\0'), text]));

  it.each([
    ['half a gigabyte behind a header of 64 by 64', pngOf({ width: 64, height: 64, packed: zeros })],
    ['sixty texts of 60 MB', pngOf({ width: 64, height: 64, chunks: Array<Buffer>(60).fill(packedText) })],
    ['a profile of 60 MB', pngOf({ width: 64, height: 64, chunks: [profile] })],
    [
      'fewer rows than it says',
      pngOf({ width: 2_000, height: 2_000, packed: deflateSync(Buffer.alloc(100)) }),
    ],
  ])('%s takes no more memory than a picture', async (_what, bomb) => {
    const { decoded, peakRssMb } = await measured((onPeakRssMb) =>
      decodeImage(bomb, null, { onPeakRssMb, decodeMs: patientMs }),
    );

    // Some are pictures with waste inside, whose pixels may be had; none may cost more for it.
    expect(decoded.kind === 'refused' ? decoded.rule : 'decoded').toMatch(/^(decoded|undecodable)$/);
    expect(peakRssMb).toBeLessThan(peakRssMbMax);
  });
});

describe('a decoder', () => {
  it('that is not done in time is ended', async () => {
    expect(await decodeApart(png, { decodeMs: 5 })).toMatchObject({ rule: 'decode_timeout' });
  });

  it.each([100, 600])(
    'with a cap of %d MB ends without a picture and without a fault here',
    async (decodeMemoryMb) => {
      const picture = pngOf({
        width: 4_000,
        height: 4_000,
        depth: 8,
        packed: deflateSync(randomBytes(16_004_000)),
      });

      expect(await decodeApart(picture, { decodeMemoryMb })).toMatchObject({ rule: 'decoder_lost' });
    },
  );

  it.each([
    ['a GIF', gif],
    ['a TIFF', tiff],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
  ])('does not know %s', async (_what, bytes) => {
    expect(await decodeApart(bytes)).toMatchObject({ rule: 'undecodable' });
  });

  it('finds what the headers do not show: a broken checksum, a broken picture', async () => {
    const checksum = Buffer.from(png);
    checksum.writeUInt8(checksum.readUInt8(30) ^ 1, 30);
    const packed = pngOf({ width: 48, height: 32, packed: Buffer.from('no deflate') });

    const decoded = [await decodeImage(checksum, null), await decodeImage(packed, null)];

    expect(decoded).toMatchObject([{ rule: 'undecodable' }, { rule: 'undecodable' }]);
  });

  it('never makes this process throw, whatever the file', async () => {
    const sources = [png, await source.clone().jpeg().toBuffer(), await source.clone().webp().toBuffer()];
    const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });

    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...sources), edits, async (bytes, changes) => {
        const broken = Buffer.from(bytes);
        for (const [at, byte] of changes) broken[at % broken.length] = byte;

        const decoded = await decodeApart(broken, { decodeMs: patientMs });

        expect(decoded.kind === 'refused' ? decoded.rule : 'decoded').toMatch(/^(decoded|undecodable)$/);
      }),
      { numRuns: 8 },
    );
  });

  it.each([
    ['nothing', ''],
    ['no line', '{"kind":"undecodable","detail":"x","peakRssMb":1}'],
    ['no JSON', 'kind: decoded\n'],
    ['a kind of its own', '{"kind":"run","detail":"x","peakRssMb":1}\n'],
    ['a picture without a size', '{"kind":"decoded","type":"image/png","peakRssMb":1}\n'],
    [
      'a type that a browser runs',
      '{"kind":"decoded","type":"text/html","width":1,"height":1,"peakRssMb":1}\n',
    ],
  ])('that says %s is lost', (_what, output) => {
    expect(readDecoderAnswer(Buffer.from(output))).toMatchObject({ kind: 'refused', rule: 'decoder_lost' });
  });
});
