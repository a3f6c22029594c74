/**
 * Pictures that come with a request, as data URLs: nothing is ever fetched, because an address that a tenant chose may
 * lead anywhere. The Python runtime reads the same form (`input_pictures.py`).
 */
import { checkImage } from './check-image.ts';
import { imageRules } from './image-header.ts';

const dataUrl = /^data:(image\/(?:png|jpeg|webp));base64,/;

export type PictureUrl =
  | { readonly kind: 'picture'; readonly width: number; readonly height: number }
  | { readonly kind: 'fault'; readonly message: string };

/** What its headers tell; the runner decodes it apart, because headers may lie. */
export function readPictureUrl(url: string): PictureUrl {
  const [start, type] = dataUrl.exec(url) ?? [];
  if (start === undefined || type === undefined) {
    return fault('must be a data URL of a PNG, JPEG or WebP in base64; nothing is fetched');
  }
  const packed = url.slice(start.length);
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return fault('is no base64');
  const checked = checkImage(Buffer.from(packed, 'base64'), type);
  if (checked.kind === 'refused') return fault(imageRules[checked.rule]);
  return { kind: 'picture', width: checked.width, height: checked.height };
}

/** The URL without its picture: the type alone, nothing where it names none. */
export function shownPictureUrl(url: string): string {
  return dataUrl.exec(url)?.[0] ?? '';
}

function fault(message: string): PictureUrl {
  return { kind: 'fault', message };
}
