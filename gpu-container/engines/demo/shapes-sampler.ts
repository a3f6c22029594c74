/**
 * Euler sampler of the flow x_t = (1 - t) * picture + t * noise, from t = 1 down to 0 in equal steps.
 *
 * The network predicts the clean picture. With guidance, each step runs all pictures twice in one batch, with
 * their prompts and with the null prompt, and moves away from the latter. Cancelled pictures leave the batch
 * between steps, so the rest run on cheaper. `training/sample.py` is the reference.
 */
import { gaussianNoise } from './shapes-noise.ts';

/** Side of the pictures the network draws. */
export const shapesSidePx = 64;
export const shapesPictureFloats = 3 * shapesSidePx * shapesSidePx;
export const shapesStepsMax = 16;

/** What the slot encoder gives for a batch: rows of equal length, one per prompt. */
export interface EncodedPrompts {
  vectors: Float32Array;
  plan: Float32Array;
}

/** The two networks; every array holds `count` rows. */
export interface ShapesNetworks {
  encode(slots: readonly (readonly number[])[]): Promise<EncodedPrompts>;
  /** Predicts clean pictures (channels first, about -1..1) from noisy ones; `time` is the same for all rows. */
  denoise(x: Float32Array, time: number, encoded: EncodedPrompts, count: number): Promise<Float32Array>;
}

export interface SampleItem {
  slots: readonly number[];
  /** Integer from 0 to 2^53 - 1. */
  seed: number;
}

export interface SampleOptions {
  /** Integer from 1 to 16. */
  steps: number;
  /** 1 follows the prompt plainly, at half the cost; larger values follow it harder. */
  guidance: number;
  /** Slots of the null prompt. */
  nullSlots: readonly number[];
  /** Called after each finished step with its number, from 1. */
  onStep?: ((step: number, steps: number) => void) | undefined;
  /**
   * Awaited after each step but the last: `seen` gives where a living item is heading, values as a finished picture has them.
   */
  onLook?:
    | ((step: number, steps: number, seen: (itemIndex: number) => Float32Array | null) => Promise<void>)
    | undefined;
  /** Asked for every living item before each step and once after the last. */
  isCanceled?: ((itemIndex: number) => boolean) | undefined;
}

/**
 * Draws one picture per item: `shapesPictureFloats` values around -1..1, channels first, or 'canceled'.
 * Throws RangeError for steps or seeds out of range.
 */
export async function sampleShapes(
  networks: ShapesNetworks,
  items: readonly SampleItem[],
  options: SampleOptions,
): Promise<(Float32Array | 'canceled')[]> {
  const { steps, guidance } = options;
  if (!Number.isInteger(steps) || steps < 1 || steps > shapesStepsMax) {
    throw new RangeError(`Steps must be an integer from 1 to ${shapesStepsMax}, not ${steps}.`);
  }
  const x = items.map((item) => gaussianNoise(item.seed, shapesPictureFloats));
  const isLiving = (index: number) => options.isCanceled?.(index) !== true;
  let living = [...items.keys()];
  let encoded: EncodedPrompts | undefined;

  for (let step = 0; step < steps; step += 1) {
    const remaining = living.filter(isLiving);
    if (encoded === undefined || remaining.length < living.length) {
      living = remaining;
      if (living.length === 0) break;
      encoded = await encodeLiving(networks, items, living, options);
    }
    const pictures = living.map((index) => rowOf(x, index));
    const clean = await predictClean(networks, pictures, 1 - step / steps, encoded, guidance);
    stepTowards(pictures, clean, steps - step);
    options.onStep?.(step + 1, steps);
    if (step + 1 < steps) await options.onLook?.(step + 1, steps, lookAt(clean, living));
  }

  const finished = new Set(living.filter(isLiving));
  return x.map((picture, index) => (finished.has(index) ? picture : 'canceled'));
}

/** Encodes the living prompts, followed by as many null prompts where guidance needs them. */
function encodeLiving(
  networks: ShapesNetworks,
  items: readonly SampleItem[],
  living: readonly number[],
  { guidance, nullSlots }: SampleOptions,
): Promise<EncodedPrompts> {
  const prompts = living.map((index) => rowOf(items, index).slots);
  return networks.encode(guidance === 1 ? prompts : [...prompts, ...prompts.map(() => nullSlots)]);
}

/** Runs the denoiser once and blends its predictions with and without prompt. */
async function predictClean(
  networks: ShapesNetworks,
  pictures: readonly Float32Array[],
  time: number,
  encoded: EncodedPrompts,
  guidance: number,
): Promise<Float32Array> {
  const length = pictures.length * shapesPictureFloats;
  const isGuided = guidance !== 1;
  const batch = new Float32Array(isGuided ? 2 * length : length);
  for (const [row, picture] of pictures.entries()) batch.set(picture, row * shapesPictureFloats);
  if (isGuided) batch.copyWithin(length, 0, length);
  const predicted = await networks.denoise(batch, time, encoded, batch.length / shapesPictureFloats);
  if (!isGuided) return predicted;
  const clean = new Float32Array(length);
  for (let index = 0; index < length; index += 1) {
    const without = predicted[length + index] ?? 0;
    clean[index] = without + guidance * ((predicted[index] ?? 0) - without);
  }
  return clean;
}

/** Moves each picture one of `stepsLeft` equal steps towards the predicted clean one; the last step lands on it. */
function stepTowards(pictures: readonly Float32Array[], clean: Float32Array, stepsLeft: number): void {
  for (const [row, picture] of pictures.entries()) {
    const offset = row * shapesPictureFloats;
    for (let index = 0; index < shapesPictureFloats; index += 1) {
      const value = picture[index] ?? 0;
      picture[index] = value + ((clean[offset + index] ?? 0) - value) / stepsLeft;
    }
  }
}

/** What the network takes each living picture for. */
function lookAt(clean: Float32Array, living: readonly number[]): (itemIndex: number) => Float32Array | null {
  return (itemIndex) => {
    const row = living.indexOf(itemIndex);
    return row < 0 ? null : clean.subarray(row * shapesPictureFloats, (row + 1) * shapesPictureFloats);
  };
}

function rowOf<Row>(rows: readonly Row[], index: number): Row {
  const row = rows[index];
  if (row === undefined) throw new RangeError(`Row ${index} lies outside a batch of ${rows.length}.`);
  return row;
}
