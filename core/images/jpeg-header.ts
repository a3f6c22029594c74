/** JPEG (ITU-T T.81 annex B): every marker is walked to the end of the picture, no coefficient is read. */
import { imageLimits } from '../limits.ts';
import {
  type HeaderRead,
  type ImageHeader,
  type ImageRefusal,
  imageRefusal,
  viewOf,
} from './image-header.ts';

const startOfImage = 0xd8;
const endOfImage = 0xd9;
const startOfScan = 0xda;
/** Baseline, extended and progressive, Huffman coded. Lossless, hierarchical and arithmetic forms nobody decodes. */
const frameMarkers: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
const otherFrameMarkers: ReadonlySet<number> = new Set([
  0xc3, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf,
]);

interface Segment {
  readonly marker: number;
  /** Of the data, after its length. */
  readonly start: number;
  readonly end: number;
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === startOfImage && bytes[2] === 0xff;
}

/** Never throws. Several pictures in one file, as some cameras write, are trailing data. */
export function readJpegHeader(bytes: Uint8Array): HeaderRead {
  const view = viewOf(bytes);
  let header: ImageHeader | null = null;
  let scans = 0;
  let metadataBytes = 0;
  let at = 2;
  for (let pieces = 0; pieces < imageLimits.piecesMax; pieces += 1) {
    const segment = segmentAt(view, at);
    if (segment === null) return imageRefusal('malformed');
    at = segment.end;
    const { marker, start, end } = segment;
    if (marker === endOfImage) {
      if (header === null || scans === 0) return imageRefusal('malformed');
      return at === bytes.length ? { ...header, scans, metadataBytes } : imageRefusal('trailing_data');
    }
    if (otherFrameMarkers.has(marker)) return imageRefusal('unsupported');
    if (frameMarkers.has(marker)) {
      const frame: HeaderRead =
        header === null ? frameOf(view, segment) : imageRefusal('malformed', 'two headers');
      if (frame.kind === 'refused') return frame;
      header = frame;
    } else if (marker === startOfScan) {
      scans += 1;
      at = scanEnd(bytes, at);
    } else if (marker >= 0xe0) metadataBytes += end - start;
  }
  return imageRefusal('too_many_pieces');
}

/** Fill bytes may stand before a marker. The end of the picture and restarts have no data. */
function segmentAt(view: DataView, from: number): Segment | null {
  let at = from;
  if (at + 1 >= view.byteLength || view.getUint8(at) !== 0xff) return null;
  while (at + 1 < view.byteLength && view.getUint8(at + 1) === 0xff) at += 1;
  if (at + 1 >= view.byteLength) return null;
  const marker = view.getUint8(at + 1);
  if (marker === endOfImage) return { marker, start: at + 2, end: at + 2 };
  // Below are reserved markers and stuffed bytes, none of which stands between segments.
  if (marker < 0xc0 || (marker >= 0xd0 && marker <= startOfImage) || at + 4 > view.byteLength) return null;
  const end = at + 2 + view.getUint16(at + 2);
  return end < at + 4 || end > view.byteLength ? null : { marker, start: at + 4, end };
}

function frameOf(view: DataView, { start, end }: Segment): ImageHeader | ImageRefusal {
  if (end - start < 6) return imageRefusal('malformed');
  const height = view.getUint16(start + 1);
  const width = view.getUint16(start + 3);
  const components = view.getUint8(start + 5);
  // A height of 0 is told after the first scan (DNL): no bound could be held before decoding.
  if (width === 0 || height === 0 || components === 0) return imageRefusal('malformed');
  if (view.getUint8(start) !== 8 || components > 4) return imageRefusal('unsupported');
  return { kind: 'header', width, height, frames: 1, scans: 0, metadataBytes: 0, packedMetadataBytes: 0 };
}

/** Coded data ends at a marker that is neither a stuffed byte nor a restart. */
function scanEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    const isData = next === 0x00 || next === 0xff || (next !== undefined && next >= 0xd0 && next <= 0xd7);
    if (!isData) return at;
  }
  return bytes.length;
}
