/**
 * Pictures of a request: held by it as data URLs, or named by it. A runner sees data URLs alone and fetches nothing; the
 * Python runtime reads the same form (`input_pictures.py`).
 */
import { checkImage } from './check-image.ts';
import { imageRules } from './image-header.ts';
import { readPictureRef } from './picture-ref.ts';

const dataUrl = /^data:(image\/(?:png|jpeg|webp));base64,/;

export type PictureUrl =
  | { readonly kind: 'picture'; readonly width: number; readonly height: number }
  /** It is named, and not among those that were found: nothing is known of it yet. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'fault'; readonly message: string };

/** What came of pictures that a request names, by what it calls them. */
export type FoundPictures = ReadonlyMap<string, PictureUrl>;

const noneFound: FoundPictures = new Map();

/** What its headers tell; the runner decodes it apart, because headers may lie. */
export function readPictureUrl(url: string, found: FoundPictures = noneFound): PictureUrl {
  const [start, type] = dataUrl.exec(url) ?? [];
  if (start === undefined || type === undefined) {
    if (readPictureRef(url) !== null) return found.get(url) ?? { kind: 'elsewhere' };
    return fault(
      'must be a data URL of a PNG, JPEG or WebP in base64, the id of a file of the purpose vision, or an https address',
    );
  }
  const packed = url.slice(start.length);
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return fault('is no base64');
  return readPicture(Buffer.from(packed, 'base64'), type);
}

/** Of its bytes. @param type that it is said to be; null: nothing is said */
export function readPicture(bytes: Uint8Array, type: string | null): PictureUrl {
  const checked = checkImage(bytes, type);
  if (checked.kind === 'refused') return fault(imageRules[checked.rule]);
  return { kind: 'picture', width: checked.width, height: checked.height };
}

/** The URL without its picture: the type alone, a name as it is, nothing where it is neither. */
export function shownPictureUrl(url: string): string {
  return dataUrl.exec(url)?.[0] ?? (readPictureRef(url) === null ? '' : url);
}

/** Whether the picture is named, and not held. */
export function isPictureNamed(url: string): boolean {
  return readPictureRef(url) !== null;
}

function fault(message: string): PictureUrl {
  return { kind: 'fault', message };
}
