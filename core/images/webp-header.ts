/** WebP (RFC 9649): every chunk of the RIFF file is walked, no picture is read beyond its size. */
import { imageLimits } from '../limits.ts';
import { type HeaderRead, imageRefusal, nameAt, viewOf } from './image-header.ts';

const riffHeaderBytes = 12;
const chunkHeaderBytes = 8;
const extendedBytes = 10;

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Chunk {
  readonly name: string;
  readonly start: number;
  readonly length: number;
}

/** Chunks that are the picture itself; `ANMF` is one frame of one that moves. */
const pictures: ReadonlySet<string> = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF']);

export function isWebp(bytes: Uint8Array): boolean {
  return nameAt(bytes, 0) === 'RIFF' && nameAt(bytes, 8) === 'WEBP';
}

/** Never throws. */
export function readWebpHeader(bytes: Uint8Array): HeaderRead {
  const view = viewOf(bytes);
  const riffEnd = view.getUint32(4, true) + 8;
  if (riffEnd > bytes.length) return imageRefusal('malformed');
  if (riffEnd < bytes.length) return imageRefusal('trailing_data');
  const chunks = chunksOf(view, bytes);
  if (chunks === null) return imageRefusal('malformed');
  if (chunks.length > imageLimits.piecesMax) return imageRefusal('too_many_pieces');

  const [first] = chunks;
  const frames = chunks.filter(({ name }) => name === 'ANMF').length;
  const stills = chunks.filter(({ name }) => name === 'VP8 ' || name === 'VP8L');
  const isExtended = first?.name === 'VP8X';
  const canvas = first === undefined ? null : isExtended ? canvasOf(view, first) : stillSize(view, first);
  if (canvas === null || stills.length + Math.min(frames, 1) !== 1) return imageRefusal('malformed');
  const still = stills[0] === undefined ? canvas : stillSize(view, stills[0]);
  // Readers differ on which of two sizes they take room for.
  if (still?.width !== canvas.width || still.height !== canvas.height)
    return imageRefusal('malformed', 'two sizes');
  const metadataBytes = chunks
    .filter(({ name }) => !pictures.has(name))
    .reduce((sum, { length }) => sum + length, 0);
  const moves = isExtended && first !== undefined && (view.getUint8(first.start) & 0x02) !== 0;
  return {
    kind: 'header',
    ...canvas,
    frames: Math.max(frames, moves ? 2 : 1),
    scans: 1,
    metadataBytes,
    packedMetadataBytes: 0,
  };
}

/** Null where a chunk reaches past the end; one more than are allowed where there are too many. A chunk of odd length is followed by one byte of padding. */
function chunksOf(view: DataView, bytes: Uint8Array): readonly Chunk[] | null {
  const chunks: Chunk[] = [];
  for (let at = riffHeaderBytes; at < bytes.length && chunks.length <= imageLimits.piecesMax; ) {
    if (at + chunkHeaderBytes > bytes.length) return null;
    const length = view.getUint32(at + 4, true);
    const start = at + chunkHeaderBytes;
    at = start + length + (length % 2);
    if (at > bytes.length) return null;
    chunks.push({ name: nameAt(bytes, start - chunkHeaderBytes), start, length });
  }
  return chunks;
}

/** Section 2.7: three bytes each, one less than the size. */
function canvasOf(view: DataView, { start, length }: Chunk): Size | null {
  if (length !== extendedBytes) return null;
  const read = (at: number): number => view.getUint16(at, true) + view.getUint8(at + 2) * 0x10000 + 1;
  return { width: read(start + 4), height: read(start + 7) };
}

function stillSize(view: DataView, { name, start, length }: Chunk): Size | null {
  if (name === 'VP8 ') return lossySize(view, start, length);
  return name === 'VP8L' ? losslessSize(view, start, length) : null;
}

/** RFC 6386 section 9.1: a key frame, its start code, fourteen bits each with two of scaling above. */
function lossySize(view: DataView, start: number, length: number): Size | null {
  if (length < 10 || (view.getUint8(start) & 1) !== 0) return null;
  if (view.getUint8(start + 3) !== 0x9d || view.getUint16(start + 4, true) !== 0x2a01) return null;
  const width = view.getUint16(start + 6, true) & 0x3fff;
  const height = view.getUint16(start + 8, true) & 0x3fff;
  return width === 0 || height === 0 ? null : { width, height };
}

/** Section 3.4 of RFC 9649: a signature, then fourteen bits each, one less than the size. */
function losslessSize(view: DataView, start: number, length: number): Size | null {
  if (length < 5 || view.getUint8(start) !== 0x2f) return null;
  const bits = view.getUint32(start + 1, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}
