/** PNG files made by hand: those that no encoder writes. */
import { crc32, deflateSync } from 'node:zlib';

export interface PngUnderTest {
  readonly width: number;
  readonly height: number;
  /** Bits of a grey pixel. Default 1. */
  readonly depth?: 1 | 8;
  /** Between header and picture. */
  readonly chunks?: readonly Buffer[];
  /** The picture's packed rows; by default black ones for all that the header says. */
  readonly packed?: Buffer;
}

export function pngChunk(name: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

export function pngOf({ width, height, depth = 1, chunks = [], packed }: PngUnderTest): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(depth, 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    pngChunk('IHDR', header),
    ...chunks,
    pngChunk('IDAT', packed ?? packedRows(width, height, depth)),
    pngChunk('IEND'),
  ]);
}

/** Black rows, each behind the number of its filter. */
export function packedRows(width: number, height: number, depth: 1 | 8): Buffer {
  return deflateSync(Buffer.alloc((Math.ceil((width * depth) / 8) + 1) * height), { level: 9 });
}
