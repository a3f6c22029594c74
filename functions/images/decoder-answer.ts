/** What the decoding process says, read as what it is: words of a process that a hostile file may have taken over. */
import * as z from 'zod';
import { type ImageRefusal, imageRefusal } from '#core/images/image-header.ts';

export type DecodedImage =
  | {
      readonly kind: 'decoded';
      /** JPEG for a JPEG, else PNG. */
      readonly type: 'image/png' | 'image/jpeg';
      readonly width: number;
      readonly height: number;
      readonly bytes: Uint8Array;
    }
  | ImageRefusal;

const childAnswerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('decoded'),
    type: z.enum(['image/png', 'image/jpeg']),
    width: z.int().positive(),
    height: z.int().positive(),
    peakRssMb: z.number(),
  }),
  z.object({ kind: z.literal('undecodable'), detail: z.string(), peakRssMb: z.number() }),
]);

const lineFeed = 0x0a;

/**
 * A line of JSON, then the picture. A process that was ended by its memory's cap wrote neither, and one that writes
 * anything else is no decoder any more: both are lost.
 */
export function readDecoderAnswer(output: Buffer, onPeakRssMb?: (peakRssMb: number) => void): DecodedImage {
  const end = output.indexOf(lineFeed);
  const said =
    end === -1 ? undefined : childAnswerSchema.safeParse(json(output.toString('utf8', 0, end))).data;
  if (said === undefined) return imageRefusal('decoder_lost');
  const { peakRssMb, ...answer } = said;
  onPeakRssMb?.(peakRssMb);
  if (answer.kind === 'undecodable') return imageRefusal('undecodable', answer.detail);
  return { ...answer, bytes: new Uint8Array(output.subarray(end + 1)) };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
