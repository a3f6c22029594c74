/** The demo model `pilotlight-shapes`: prompts to slots, slots to pictures, in real batches. */
import type { LoraFile } from './lora-weights.ts';
import { withLoras } from './lora-weights.ts';
import type { RgbPicture } from './pictures.ts';
import { settleSlots } from './shapes-details.ts';
import { type OpenNetworks, openShapesNetworks } from './shapes-networks.ts';
import { type ParsedPrompt, parseShapesPrompt } from './shapes-prompt.ts';
import type { ShapesNetworks } from './shapes-sampler.ts';
import { sampleShapes, shapesPictureFloats, shapesSidePx } from './shapes-sampler.ts';
import { shapesModelDirectory, vocabulary } from './shapes-vocabulary.ts';

/** Sides of the pictures on offer: 64 px is drawn, the others are enlarged from it. */
export const shapesSizesPx = [64, 256, 512] as const;
export type ShapesSizePx = (typeof shapesSizesPx)[number];

/** On the gate, 1 gets 98.8 % of shapes right at half the cost, 2 gets 99.8 %, and 3 gains no more (MODEL_CARD.md). */
export const shapesGuidanceDefault = 2;

export interface ShapesItem {
  prompt: string;
  /** Integer from 0 to 2^53 - 1; the same seed, prompt, size and steps give the same picture. */
  seed: number;
  /** Side in pixels. */
  size: ShapesSizePx;
}

export interface ShapesOptions {
  /** Integer from 1 to 16; 8 is a good choice. */
  steps: number;
  guidance?: number | undefined;
  /** LoRAs that change the denoiser for all items, in the order in which their changes are added. */
  adapters?: readonly (LoraFile & { readonly sha256: string })[] | undefined;
  /** Called after each finished denoising step, from 1 to `steps`. */
  onStep?: ((step: number, steps: number) => void) | undefined;
  /** Awaited after each step but the last, which it holds up: to look at what is being drawn. */
  onLook?: ((step: number, steps: number, look: ShapesLook) => Promise<void>) | undefined;
  /** Asked between steps for each item still drawn; true drops that item from the batch. */
  isCanceled?: ((itemIndex: number) => boolean) | undefined;
}

/** How an item looks so far, at the size that is drawn; null for one that is canceled. */
export type ShapesLook = (itemIndex: number) => RgbPicture | null;

export interface ShapesPicture {
  /** Rows from the top, three bytes per pixel. */
  rgb: Uint8Array;
  width: number;
  height: number;
  /** Words of the prompt that had no effect on the picture. */
  unknownWords: string[];
}

export interface ShapesModel {
  /**
   * Draws all items in one batch and returns one result per item, in order. Throws RangeError for steps or seeds
   * out of range, and EngineFault for an adapter that does not fit, before any work is done. Calls with adapters must
   * wait for each other.
   */
  generate(items: readonly ShapesItem[], options: ShapesOptions): Promise<(ShapesPicture | 'canceled')[]>;
  /** Frees the sessions. The model must not be used afterwards. */
  close(): Promise<void>;
}

/**
 * Loads the model from its directory.
 * Throws ModelFileError (code MODEL_FILE) naming the first file that is missing or does not match weights.json.
 */
export async function loadShapesModel(directory: string = shapesModelDirectory): Promise<ShapesModel> {
  const networks = await openShapesNetworks(directory);
  return {
    generate: (items, options) => generate(networks, items, options),
    close: () => networks.close(),
  };
}

async function generate(
  networks: OpenNetworks,
  items: readonly ShapesItem[],
  options: ShapesOptions,
): Promise<(ShapesPicture | 'canceled')[]> {
  const adapted = await adaptedNetworks(networks, options.adapters ?? []);
  const prompts = items.map((item) => parseShapesPrompt(item.prompt));
  const sampled = await sampleShapes(
    adapted,
    items.map(({ seed }, index) => ({ seed, slots: settleSlots(prompts[index]?.slots ?? [], seed) })),
    {
      steps: options.steps,
      guidance: options.guidance ?? shapesGuidanceDefault,
      nullSlots: vocabulary.slots.map(() => vocabulary.nullToken),
      onStep: options.onStep,
      onLook: (step, total, seen) =>
        options.onLook?.(step, total, (index) => lookOf(seen(index))) ?? Promise.resolve(),
      isCanceled: options.isCanceled,
    },
  );
  const results = new Array<ShapesPicture | 'canceled'>(items.length).fill('canceled');
  for (const size of shapesSizesPx) {
    const rows = [...items.keys()].filter((index) => items[index]?.size === size);
    const drawn = rows.flatMap((index) => {
      const picture = sampled[index];
      return picture === undefined || picture === 'canceled' ? [] : [{ index, picture }];
    });
    const enlarged = await enlarge(networks, drawn, size);
    for (const [row, { index }] of drawn.entries()) {
      const rgb = enlarged.slice(row * size * size * 3, (row + 1) * size * size * 3);
      results[index] = describePicture(rgb, size, prompts[index]);
    }
  }
  return results;
}

function lookOf(seen: Float32Array | null): RgbPicture | null {
  return seen === null ? null : { rgb: toBytes(seen), width: shapesSidePx, height: shapesSidePx };
}

/** One denoiser for each set of adapters and weights; without any, the model's own. */
async function adaptedNetworks(
  networks: OpenNetworks,
  adapters: NonNullable<ShapesOptions['adapters']>,
): Promise<ShapesNetworks> {
  if (adapters.length === 0) return networks;
  const name = adapters.map(({ sha256, weight }) => `${sha256} ${weight}`).join(', ');
  return networks.withDenoiser(name, (denoiser) => withLoras(denoiser, adapters));
}

function describePicture(
  rgb: Uint8Array,
  size: ShapesSizePx,
  prompt: ParsedPrompt | undefined,
): ShapesPicture {
  return { rgb, width: size, height: size, unknownWords: prompt?.unknownWords ?? [] };
}

/** Turns pictures around -1..1 into bytes of the wanted size, one after the other. */
async function enlarge(
  networks: OpenNetworks,
  drawn: readonly { picture: Float32Array }[],
  size: ShapesSizePx,
): Promise<Uint8Array> {
  const x = new Float32Array(drawn.length * shapesPictureFloats);
  for (const [row, { picture }] of drawn.entries()) x.set(picture, row * shapesPictureFloats);
  return size === shapesSidePx || drawn.length === 0 ? toBytes(x) : networks.enlarge(x, size);
}

/** Converts channel-first pictures around -1..1 to interleaved bytes. */
function toBytes(x: Float32Array): Uint8Array {
  const bytes = new Uint8ClampedArray(x.length);
  const places = shapesSidePx * shapesSidePx;
  for (let index = 0; index < x.length; index += 1) {
    const row = Math.floor(index / shapesPictureFloats);
    const within = index % shapesPictureFloats;
    const target = row * shapesPictureFloats + (within % places) * 3 + Math.floor(within / places);
    bytes[target] = ((x[index] ?? 0) / 2 + 0.5) * 255;
  }
  return new Uint8Array(bytes.buffer);
}
