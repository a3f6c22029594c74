/**
 * The check of a picture before anything decodes it: type by its first bytes, structure to its last, and every bound
 * that its headers can tell. What passes is still decoded apart, because headers may lie.
 */
import { imageLimits } from '../limits.ts';
import type { HeaderRead, ImageHeader, ImageRefusal, ImageType } from './image-header.ts';
import { imageRefusal } from './image-header.ts';
import { isJpeg, readJpegHeader } from './jpeg-header.ts';
import { isPng, readPngHeader } from './png-header.ts';
import { isWebp, readWebpHeader } from './webp-header.ts';

export type CheckedImage =
  | { readonly kind: 'ok'; readonly type: ImageType; readonly width: number; readonly height: number }
  | ImageRefusal;

/** Bytes of a decoded pixel: red, green, blue, alpha. */
const pixelBytes = 4;

const readers: readonly (readonly [
  ImageType,
  (bytes: Uint8Array) => boolean,
  (bytes: Uint8Array) => HeaderRead,
])[] = [
  ['image/png', isPng, readPngHeader],
  ['image/jpeg', isJpeg, readJpegHeader],
  ['image/webp', isWebp, readWebpHeader],
];

/**
 * Never throws. `declaredType` is what the sender says, a media type in small letters without parameters, or null
 * where nobody says anything. The time it takes grows with the file, not with the picture.
 */
export function checkImage(bytes: Uint8Array, declaredType: string | null): CheckedImage {
  if (bytes.length > imageLimits.bytesMax) return imageRefusal('too_many_bytes', `${bytes.length}`);
  const reader = readers.find(([, isOf]) => isOf(bytes));
  if (reader === undefined) return imageRefusal('unknown_type');
  const [type, , read] = reader;
  if (declaredType !== null && declaredType !== type) return imageRefusal('type_differs', type);
  const header = read(bytes);
  if (header.kind === 'refused') return header;
  const { width, height } = header;
  return refusedSize(header, bytes.length) ?? { kind: 'ok', type, width, height };
}

function refusedSize(header: ImageHeader, fileBytes: number): ImageRefusal | null {
  const { width, height, frames, scans, metadataBytes, packedMetadataBytes } = header;
  const pixels = width * height;
  if (Math.max(width, height) > imageLimits.sidePixelsMax)
    return imageRefusal('side_too_long', `${width} x ${height}`);
  if (pixels > imageLimits.pixelsMax) return imageRefusal('too_many_pixels', `${width} x ${height}`);
  if (frames > imageLimits.framesMax) return imageRefusal('too_many_frames', `${frames} frames`);
  if (scans > imageLimits.scansMax) return imageRefusal('too_many_scans', `${scans}`);
  const isPackedTooFar =
    pixels > imageLimits.ratioFreePixelsMax && pixels * pixelBytes > imageLimits.ratioMax * fileBytes;
  if (isPackedTooFar) return imageRefusal('ratio', `${width} x ${height} in ${fileBytes} bytes`);
  if (
    metadataBytes > imageLimits.metadataBytesMax ||
    packedMetadataBytes > imageLimits.packedMetadataBytesMax
  ) {
    return imageRefusal('metadata_too_large', `${metadataBytes} bytes`);
  }
  return null;
}
