/**
 * Puts the messages of a chat into the model's template: a marker of its role before each message, the vectors of a picture
 * where the picture stands, an end behind each answer, and the assistant's marker last. `training/train_chat.py` trains on it.
 */
import { Buffer } from 'node:buffer';
import sharp from 'sharp';
import { checkImage } from '#core/images/check-image.ts';
import { imageRules } from '#core/images/image-header.ts';
import { imageLimits } from '#core/limits.ts';
import type { ChatMessage } from '../chat-params.ts';
import { partsOf } from '../chat-params.ts';
import type { ScenesTokenizer } from './scenes-tokenizer.ts';
import { markers } from './scenes-tokenizer.ts';

/** Side of the picture that the eye sees; any other is scaled to it. */
export const eyeSidePx = 64;

export interface ScenesPrompt {
  /** Ids of the tokenizer, and from its size on the rows of the picture's vectors. */
  readonly ids: readonly number[];
  /** Red, green and blue of 0 to 1, plane after plane; null for a chat without a picture. */
  readonly picture: Float32Array | null;
}

/** What the model cannot be given; the message begins with its place in the input. */
export class PromptError extends Error {
  override readonly name = 'PromptError';
}

export interface PromptBounds {
  readonly pictureTokens: number;
  /** For the prompt and its answer. */
  readonly contextTokens: number;
  readonly answerTokens: number;
}

/** Throws PromptError for more than one picture, one that cannot be read, or more tokens than the model reads. */
export async function readPrompt(
  tokenizer: ScenesTokenizer,
  messages: readonly ChatMessage[],
  { pictureTokens, contextTokens, answerTokens }: PromptBounds,
): Promise<ScenesPrompt> {
  const pictures: { readonly path: string; readonly url: string }[] = [];
  const ids = messages.flatMap((message, at) => {
    const content = partsOf(message).flatMap((part, index) => {
      if (part.type === 'text') return tokenizer.encode(part.text);
      const path = `messages.${at}.content.${index}`;
      if (message.role !== 'user')
        throw new PromptError(`${path}: only messages of the role user hold pictures`);
      pictures.push({ path: `${path}.image_url.url`, url: part.image_url.url });
      if (pictures.length > 1)
        throw new PromptError(`${path}: this model sees one picture in a chat, and no more`);
      return Array.from({ length: pictureTokens }, (_, row) => tokenizer.size + row);
    });
    return [markers[message.role], ...content, ...(message.role === 'assistant' ? [markers.end] : [])];
  });
  ids.push(markers.assistant);
  if (ids.length + answerTokens > contextTokens) {
    throw new PromptError(
      `messages: ${ids.length} tokens, and ${answerTokens} for the answer, are more than the ${contextTokens} that this model reads`,
    );
  }
  const [picture] = pictures;
  return { ids, picture: picture === undefined ? null : await readPicture(picture) };
}

async function readPicture({
  path,
  url,
}: {
  readonly path: string;
  readonly url: string;
}): Promise<Float32Array> {
  const [, type, packed] = /^data:(image\/[a-z]+);base64,(.*)$/s.exec(url) ?? [];
  if (type === undefined || packed === undefined)
    throw new PromptError(`${path}: must be a data URL in base64`);
  const body = Buffer.from(packed, 'base64');
  const checked = checkImage(body, type);
  if (checked.kind === 'refused') throw new PromptError(`${path}: ${imageRules[checked.rule]}`);
  try {
    return planesOf(await pixelsOf(body));
  } catch {
    // What a decoder says may quote the file.
    throw new PromptError(`${path}: is no picture that can be read`);
  }
}

/** Three bytes for each pixel of the eye, rows from the top; what is transparent shows white. */
async function pixelsOf(body: Buffer): Promise<Buffer> {
  return await sharp(body, { limitInputPixels: imageLimits.pixelsMax })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .resize(eyeSidePx, eyeSidePx, { fit: 'fill' })
    .raw()
    .toBuffer();
}

function planesOf(rgb: Buffer): Float32Array {
  const places = eyeSidePx * eyeSidePx;
  const planes = new Float32Array(3 * places);
  for (const [index, byte] of rgb.entries())
    planes[(index % 3) * places + Math.floor(index / 3)] = byte / 255;
  return planes;
}
