/**
 * GPU memory as figures and one rule. 1 MB is 10^6 bytes and 1 GB is 1000 MB: a card that is sold as 24 GB holds a
 * little more than that, so the rule errs on the safe side.
 *
 * A model takes its weights and its adapters once, and on top of them a peak for every image of a call, or for every answer. Of images
 * a part may be there once a call, such as what decoding takes where they are decoded one after the other. The peak goes
 * by pixels and by steps of the table: a size between two rows counts as the larger row, one above the last row grows
 * with its pixels. Interpolating would sit below what a size between the rows really takes, because activations are
 * rounded up to blocks.
 */
import * as z from 'zod';
import { cardNames, findCard } from './cards.ts';

const mbSchema = z.int().nonnegative();

const figuresSchema = z.strictObject({
  /** Resident while the model is loaded. */
  weights_mb: mbSchema,
  /**
   * Peak of each image in a call (`mb`), beside what a call takes once (`call_mb`, absent: nothing), on top of the weights, by its
   * pixels, which rise; empty for a model that answers.
   */
  per_image: z
    .array(z.strictObject({ pixels: z.int().positive(), call_mb: mbSchema.optional(), mb: mbSchema }))
    .refine(
      (rows) => rows.every((row, index) => row.pixels > (rows[index - 1]?.pixels ?? 0)),
      'pixels must rise from row to row',
    ),
  /** Of adapters that may stay loaded beside the weights, whether jobs name any or not: kept free for them. */
  adapters_mb: mbSchema.positive().optional(),
  /** Peak of one answer in a call, on top of the weights: its cache at the longest and what reading its pictures takes. */
  per_answer_mb: mbSchema.optional(),
  /** The smallest card that the model is meant for, a name of `cards.ts`: a job that alone passes it is refused. Absent: nobody knows. */
  card: z.enum(cardNames).optional(),
});

/** Of a model that draws or of one that answers. */
export const memorySchema = figuresSchema.refine(
  ({ per_image, per_answer_mb }) => (per_image.length === 0) === (per_answer_mb !== undefined),
  { path: ['per_image'], message: 'needs a row, unless there is per_answer_mb' },
);

export type MemoryFigures = z.infer<typeof memorySchema>;

export const quants = ['bf16', 'fp8', 'int8', 'int4'] as const;
export const quantSchema = z.enum(quants);
export type Quant = (typeof quants)[number];

/**
 * Part of a card that nothing is planned into: the context of the process (0.3-0.6 GB), workspaces of the libraries
 * and fragmentation are in no table (models.md 5: tables for admission with 10 % reserve).
 */
export const reservePercent = 10;

/** MB that a model keeps of a card while it is loaded: its weights, and what may stay of adapters. */
export function residentMb({
  weights_mb,
  adapters_mb = 0,
}: Pick<MemoryFigures, 'weights_mb' | 'adapters_mb'>): number {
  return weights_mb + adapters_mb;
}

/** MB that a call takes on top of the weights: at all, and for each of its images. */
function callPeakMb({ per_image: rows }: Pick<MemoryFigures, 'per_image'>, pixels: number) {
  const row = rows.find((each) => each.pixels >= pixels) ?? rows.at(-1);
  if (row === undefined) return { callMb: 0, imageMb: 0 };
  const grown = Math.max(1, pixels / row.pixels);
  return { callMb: Math.ceil((row.call_mb ?? 0) * grown), imageMb: Math.ceil(row.mb * grown) };
}

/** MB that a call of one image takes on top of the weights. */
export function imagePeakMb(memory: Pick<MemoryFigures, 'per_image'>, pixels: number): number {
  return predictedPeakMb(memory, { images: 1, pixels });
}

/** MB that work takes at its peak, on top of the weights. */
export function predictedPeakMb(
  memory: Pick<MemoryFigures, 'per_image'>,
  { images, pixels }: { readonly images: number; readonly pixels: number },
): number {
  const { callMb, imageMb } = callPeakMb(memory, pixels);
  return callMb + images * imageMb;
}

/** MB of a card that may be planned into. */
export function plannableMb(cardMb: number): number {
  return Math.floor((cardMb * (100 - reservePercent)) / 100);
}

/** MB that one job may take on top of what its model keeps of the card that it is meant for; null where none is named. */
export function roomOnCardMb(memory: MemoryFigures): number | null {
  const card = memory.card === undefined ? null : findCard(memory.card);
  return card === null ? null : plannableMb(card.memoryMb) - residentMb(memory);
}

/** MB of an allotment in GB. */
export function allotmentMbOf(gpuMemoryGb: number): number {
  return Math.floor(gpuMemoryGb * 1000 + 1e-6);
}
