/** Keeps a picture of a tenant as a file that inputs can name. What it is, its bytes say; nothing of it is decoded. */
import type { Refusal } from '../admission/gate.ts';
import type { FileRecord } from '../batch/file.ts';
import { checkImage } from '../images/check-image.ts';
import { imageRules } from '../images/image-header.ts';
import { imageLimits } from '../limits.ts';
import type { StorePorts } from './store-file.ts';
import { storeFile } from './store-file.ts';
import type { NewFile } from './stored-file.ts';

export type PictureOutcome =
  | { readonly kind: 'stored'; readonly file: FileRecord; readonly contentType: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** It is none that a model could be given; nothing was stored. */
  | { readonly kind: 'fault'; readonly message: string };

export async function storePicture(
  ports: StorePorts,
  asked: Omit<NewFile, 'purpose'>,
  bytes: Uint8Array,
): Promise<PictureOutcome> {
  if (bytes.byteLength > imageLimits.namedBytesMax) return { kind: 'fault', message: tooLarge };
  const checked = checkImage(bytes, null);
  if (checked.kind === 'refused') return { kind: 'fault', message: imageRules[checked.rule] };
  const contentType = checked.type;
  const stored = await storeFile(ports, { ...asked, purpose: 'vision' }, bytes, contentType);
  return stored.kind === 'stored' ? { ...stored, contentType } : stored;
}

export const tooLarge = `a picture of this purpose has at most ${imageLimits.namedBytesMax} bytes`;
