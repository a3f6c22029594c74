/**
 * Decodes a tenant's picture apart: the headers are checked here, then a process of its own, with no environment, a cap
 * on its memory and a time to be done by, decodes it and writes it anew. What comes back carries no byte of the file:
 * no metadata, no second meaning, pixels turned the way the camera was held.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import * as z from 'zod';
import { checkImage } from '#core/images/check-image.ts';
import { type ImageRefusal, imageRefusal } from '#core/images/image-header.ts';
import { imageLimits } from '#core/limits.ts';

export type DecodedImage =
  | {
      readonly kind: 'decoded';
      /** JPEG for a JPEG, else PNG. */
      readonly type: 'image/png' | 'image/jpeg';
      readonly width: number;
      readonly height: number;
      readonly bytes: Uint8Array;
      /** Most memory that the decoding process had. */
      readonly peakRssMb: number;
    }
  | ImageRefusal;

export interface DecodeOptions {
  /** Default: `imageLimits.decodeMs`. */
  readonly decodeMs?: number;
  /** Default: `imageLimits.decodeMemoryMb`. */
  readonly decodeMemoryMb?: number;
}

const childAnswerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('decoded'),
    type: z.enum(['image/png', 'image/jpeg']),
    width: z.int().positive(),
    height: z.int().positive(),
    peakRssMb: z.number(),
  }),
  z.object({ kind: z.literal('undecodable'), detail: z.string() }),
]);

const childPath = new URL('decode-child.ts', import.meta.url).pathname;
const lineFeed = 0x0a;

/** Never throws for what the file is. `declaredType` as in {@link checkImage}. */
export async function decodeImage(
  bytes: Uint8Array,
  declaredType: string | null,
  options: DecodeOptions = {},
): Promise<DecodedImage> {
  const checked = checkImage(bytes, declaredType);
  return checked.kind === 'refused' ? checked : decodeApart(bytes, options);
}

/** The second fence by itself: for what a header hides. */
export function decodeApart(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  const { decodeMs = imageLimits.decodeMs, decodeMemoryMb = imageLimits.decodeMemoryMb } = options;
  // The shell's own limit on data (RLIMIT_DATA) counts private writable memory, not the room that V8 only reserves.
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -d "$0" && exec "$@"', String(decodeMemoryMb * 1024), process.execPath, childPath],
    { env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'], timeout: decodeMs, killSignal: 'SIGKILL' },
  );
  const output = collected(child.stdout, () => child.kill('SIGKILL'));
  // A child that ended early leaves the rest of the file unread; its end says why.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(bytes);
  return new Promise((resolve) => {
    child.on('error', () => resolve(imageRefusal('decoder_lost')));
    child.on('close', () => {
      const isLate = child.killed && !output.isTooMuch;
      resolve(isLate ? imageRefusal('decode_timeout') : readAnswer(Buffer.concat(output.chunks)));
    });
  });
}

/** Whoever took the decoder over could write for ever; nothing is kept of more than a picture can be. */
function collected(stream: Readable, stop: () => void): { chunks: Buffer[]; isTooMuch: boolean } {
  const output = { chunks: [] as Buffer[], isTooMuch: false };
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    output.chunks.push(chunk);
    if (bytes <= imageLimits.decodedBytesMax) return;
    output.isTooMuch = true;
    output.chunks.length = 0;
    stop();
  });
  return output;
}

/** A line of JSON, then the picture. A child that was ended by its memory's cap wrote neither. */
function readAnswer(output: Buffer): DecodedImage {
  const end = output.indexOf(lineFeed);
  if (end === -1) return imageRefusal('decoder_lost');
  const answer = childAnswerSchema.parse(JSON.parse(output.toString('utf8', 0, end)));
  if (answer.kind === 'undecodable') return imageRefusal('undecodable', answer.detail);
  return { ...answer, bytes: new Uint8Array(output.subarray(end + 1)) };
}
