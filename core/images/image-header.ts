/** What the headers of a picture say, read without decoding anything. */

/** Types that are taken; a GIF or an SVG is not. */
export type ImageType = 'image/png' | 'image/jpeg' | 'image/webp';

/**
 * Every reason why a picture is refused, with the words that explain it.
 *
 * The last three come of decoding: it found damage, took too long, or ended its process, most likely for want of memory.
 */
export const imageRules = {
  too_many_bytes: 'the file is larger than is taken',
  unknown_type: 'the file is no PNG, JPEG or WebP',
  type_differs: 'the file is not of the type that was said',
  malformed: 'the file is damaged or cut off',
  unsupported: 'the file uses a form of its type that is not taken',
  trailing_data: 'more follows after the end of the picture',
  too_many_pixels: 'the picture has more pixels than are taken',
  side_too_long: 'the picture is wider or higher than is taken',
  too_many_frames: 'the picture moves',
  too_many_scans: 'the picture is written in more passes than are taken',
  too_many_pieces: 'the file is cut into more pieces than are taken',
  ratio: 'the file unpacks to far more than pictures do',
  metadata_too_large: 'the file carries more beside the picture than is taken',
  undecodable: 'the picture cannot be decoded',
  decode_timeout: 'decoding the picture takes too long',
  decoder_lost: 'decoding the picture takes more memory than is given',
} as const satisfies Record<string, string>;

export type ImageRule = keyof typeof imageRules;

export interface ImageRefusal {
  readonly kind: 'refused';
  readonly rule: ImageRule;
  readonly detail: string;
}

export interface ImageHeader {
  readonly kind: 'header';
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Passes over the picture; 1 where its type knows no others. */
  readonly scans: number;
  readonly metadataBytes: number;
  /** The largest piece of metadata that is packed. */
  readonly packedMetadataBytes: number;
}

export type HeaderRead = ImageHeader | ImageRefusal;

/** A refusal by `rule`; `shown` says what was found. */
export function imageRefusal(rule: ImageRule, shown?: string): ImageRefusal {
  const text = imageRules[rule];
  return { kind: 'refused', rule, detail: shown === undefined ? text : `${text}: ${shown}` };
}

/** Four letters that name a chunk. Empty past the end. */
export function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
