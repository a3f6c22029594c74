/**
 * What a picture may be drawn from: `image`, and `mask` for the part of it that is drawn anew, at a `strength`. A model
 * takes them where its input schema has `image`. Both are data URLs; the image is square, as what comes of it is, and
 * scaled to its size.
 */
import * as z from 'zod';
import type { ErrorDetail } from '../errors.ts';
import type { FoundPictures } from '../images/picture-url.ts';
import { readPictureUrl, shownPictureUrl } from '../images/picture-url.ts';
import type { JobRecord } from '../job/job.ts';

type Input = JobRecord['input'];

const sourceSchema = z.object({
  image: z.string().optional(),
  mask: z.string().optional(),
  strength: z.number().optional(),
});

const pictureFields = ['image', 'mask'] as const;
/** Fields that mean nothing without an image. */
const imageNeeded = ['mask', 'strength'] as const;

/** What a request starts from: no two of different kinds share a call. */
export type Start = 'text' | 'image' | 'mask';

/** What diffusers takes where nothing is said: a mask says by itself what is to stay. `z_image.py` has the same. */
const usualStrength = { image: 0.6, mask: 1 } as const;

/** For input that the schema of a model with `image` has let through. */
export function startOf(input: Input): Start {
  const { image, mask } = sourceSchema.parse(input);
  if (image === undefined) return 'text';
  return mask === undefined ? 'image' : 'mask';
}

/**
 * Every fault of the pictures, by its path; empty for a request that is drawn from its prompt alone. Of one that is named
 * and not among the `found`, nothing is said.
 */
export function sourceFaults(input: Input, found?: FoundPictures): ErrorDetail[] {
  const { image, ...others } = sourceSchema.parse(input);
  if (image === undefined) {
    return imageNeeded
      .filter((field) => others[field] !== undefined)
      .map((field) => ({ path: `input.${field}`, message: 'needs input.image' }));
  }
  const read = readPictureUrl(image, found);
  if (read.kind === 'fault') return [{ path: 'input.image', message: read.message }];
  if (read.kind === 'elsewhere') return others.mask === undefined ? [] : maskFaults(others.mask, null, found);
  const { width, height } = read;
  if (width !== height) {
    return [
      { path: 'input.image', message: `is ${width} x ${height} pixels, and must be as wide as it is high` },
    ];
  }
  return others.mask === undefined ? [] : maskFaults(others.mask, width, found);
}

/** @param side of the picture; null: not known yet */
function maskFaults(mask: string, side: number | null, found: FoundPictures | undefined): ErrorDetail[] {
  const path = 'input.mask';
  const read = readPictureUrl(mask, found);
  if (read.kind === 'fault') return [{ path, message: read.message }];
  if (read.kind === 'elsewhere' || side === null) return [];
  const { width, height } = read;
  if (width === side && height === side) return [];
  return [{ path, message: `is ${width} x ${height} pixels, and its picture ${side} x ${side}` }];
}

/** Of the steps that are asked for, those that are run: a picture to start from takes the place of the first ones. */
export function stepsRun(input: Input, steps: number): number {
  const start = startOf(input);
  if (start === 'text') return steps;
  const strength = sourceSchema.parse(input).strength ?? usualStrength[start];
  // As diffusers counts them (`get_timesteps` of its pipelines that start from an image), floating point included.
  return steps - Math.floor(Math.max(steps - steps * strength, 0));
}

/** The URLs of its pictures; empty for input that has none. */
export function sourcePictures(input: Input): string[] {
  return pictureFields.map((field) => input[field]).filter((url) => typeof url === 'string');
}

/** The input with these in place of its pictures, by their URLs; the others stay. */
export function withSourcePictures(input: Input, urls: ReadonlyMap<string, string>): Input {
  const changed = pictureFields.flatMap((field) => {
    const url = input[field];
    const other = typeof url === 'string' ? urls.get(url) : undefined;
    return other === undefined ? [] : [[field, other]];
  });
  return { ...input, ...Object.fromEntries(changed) };
}

/** The input as it may be shown: its pictures by their type alone. */
export function withoutSourcePictures(input: Input): Input {
  const shown = pictureFields.flatMap((field) => {
    const url = input[field];
    return typeof url === 'string' ? [[field, shownPictureUrl(url)]] : [];
  });
  return { ...input, ...Object.fromEntries(shown) };
}
