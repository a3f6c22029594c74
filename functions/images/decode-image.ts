/**
 * Decodes a tenant's picture apart: the headers are checked here, then a process of its own, with no environment, a cap
 * on its memory and a time to be done by, decodes it and writes it anew. What comes back carries no byte of the file:
 * no metadata, no second meaning, pixels turned the way the camera was held.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { checkImage } from '#core/images/check-image.ts';
import { imageRefusal } from '#core/images/image-header.ts';
import { imageLimits } from '#core/limits.ts';
import { type DecodedImage, readDecoderAnswer } from './decoder-answer.ts';

export interface DecodeOptions {
  /** Default: `imageLimits.decodeMs`. */
  readonly decodeMs?: number;
  /** Default: `imageLimits.decodeMemoryMb`. */
  readonly decodeMemoryMb?: number;
  /** Told the most memory that the decoding process had, where it lived to say. */
  readonly onPeakRssMb?: (peakRssMb: number) => void;
}

const childPath = new URL('decode-child.ts', import.meta.url).pathname;

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
      resolve(
        isLate
          ? imageRefusal('decode_timeout')
          : readDecoderAnswer(Buffer.concat(output.chunks), options.onPeakRssMb),
      );
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
