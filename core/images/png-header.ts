/** PNG (w3.org/TR/png-3): every chunk is walked, none is unpacked. */
import { imageLimits } from '../limits.ts';
import { type HeaderRead, type ImageHeader, imageRefusal, nameAt, viewOf } from './image-header.ts';

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Length and name before a chunk's data, a checksum after it. */
const chunkOverheadBytes = 12;
const headerBytes = 13;

/** Bit depths by colour type: table 12 of the specification. */
const depths: ReadonlyMap<number, readonly number[]> = new Map([
  [0, [1, 2, 4, 8, 16]],
  [2, [8, 16]],
  [3, [1, 2, 4, 8]],
  [4, [8, 16]],
  [6, [8, 16]],
]);
const packed: ReadonlySet<string> = new Set(['iCCP', 'zTXt', 'iTXt']);
/** Chunks that are the picture itself. */
const critical: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND']);

interface Chunk {
  readonly name: string;
  /** Of the data. */
  readonly start: number;
  readonly length: number;
}

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}

/** Never throws. Checksums are left to the decoder. */
export function readPngHeader(bytes: Uint8Array): HeaderRead {
  const view = viewOf(bytes);
  let header: ImageHeader | null = null;
  let hasPicture = false;
  let at = signature.length;
  for (let pieces = 0; pieces < imageLimits.piecesMax; pieces += 1) {
    const chunk = chunkAt(view, bytes, at);
    if (chunk === null) return imageRefusal('malformed');
    at = chunk.start + chunk.length + 4;
    if (header === null) {
      const first = firstChunk(view, chunk);
      if (first.kind === 'refused') return first;
      header = first;
      continue;
    }
    if (chunk.name === 'IHDR') return imageRefusal('malformed', 'two headers');
    if (chunk.name === 'IDAT') hasPicture = true;
    if (chunk.name === 'IEND') {
      if (!hasPicture || chunk.length !== 0) return imageRefusal('malformed');
      return at === bytes.length ? header : imageRefusal('trailing_data');
    }
    header = withChunk(header, view, chunk);
  }
  return imageRefusal('too_many_pieces');
}

function chunkAt(view: DataView, bytes: Uint8Array, at: number): Chunk | null {
  if (at + chunkOverheadBytes > bytes.length) return null;
  const length = view.getUint32(at);
  const name = nameAt(bytes, at + 4);
  return at + chunkOverheadBytes + length > bytes.length || !/^[A-Za-z]{4}$/.test(name)
    ? null
    : { name, start: at + 8, length };
}

function firstChunk(view: DataView, { name, start, length }: Chunk): HeaderRead {
  if (name !== 'IHDR' || length !== headerBytes) return imageRefusal('malformed');
  const width = view.getUint32(start);
  const height = view.getUint32(start + 4);
  const isKnown = depths.get(view.getUint8(start + 9))?.includes(view.getUint8(start + 8)) === true;
  const [packing, filter, interlace] = [10, 11, 12].map((offset) => view.getUint8(start + offset));
  const isPlain = packing === 0 && filter === 0 && (interlace === 0 || interlace === 1);
  if (width === 0 || height === 0 || !isKnown || !isPlain) return imageRefusal('malformed');
  return { kind: 'header', width, height, frames: 1, scans: 1, metadataBytes: 0, packedMetadataBytes: 0 };
}

/** APNG (section 11.3.7): `acTL` says how many frames there are, `fcTL` begins each; whichever says more is believed. */
function withChunk(header: ImageHeader, view: DataView, { name, start, length }: Chunk): ImageHeader {
  if (critical.has(name)) return header;
  const said = name === 'acTL' && length >= 4 ? view.getUint32(start) : 0;
  const isFrameData = name === 'fdAT';
  return {
    ...header,
    frames: Math.max(header.frames, said, isFrameData ? 2 : 1),
    metadataBytes: header.metadataBytes + length,
    packedMetadataBytes: Math.max(header.packedMetadataBytes, packed.has(name) ? length : 0),
  };
}
