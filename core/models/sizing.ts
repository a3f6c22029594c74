/**
 * Seeds of sizing for the models that the product is made for, until a deployment has manifests with figures measured
 * on its own cards. Each figure says where it comes from: [doc] is published, [est] is arithmetic from the number of
 * parameters (bf16 2 bytes each, fp8 and int8 1, int4 0.56 with its scales; embeddings stay in bf16).
 */
import type { MemoryFigures, Quant } from './memory.ts';

export interface Sizing {
  readonly weights: Partial<Record<Quant, WeightFigures>>;
  /** What is shown where none is asked for. */
  readonly quant: Quant;
  readonly use: ImageUse | ShareUse;
  readonly source: string;
}

interface WeightFigures {
  readonly mb: number;
  /** Part of it that stays in main memory with `runtime.offload`. */
  readonly encoderMb?: number;
}

interface ImageUse {
  readonly kind: 'images';
  readonly perImage: MemoryFigures['per_image'];
  /** With `runtime.offload`, where that was counted; pictures are decoded one at a time then. */
  readonly perImageOffloaded?: MemoryFigures['per_image'];
}

/**
 * What one tenant takes of a full card with a runner of its own, weights of {@link Sizing.quant} included. These were
 * read off cards that tenants filled, so the context of the process is in them.
 */
interface ShareUse {
  readonly kind: 'share';
  readonly lowMb: number;
  readonly highMb: number;
}

/**
 * Activations of one picture on top of the weights: 512 px ~4 GB, 768 px ~6 GB, 1024 px 8-10 GB, the upper figure
 * taken. A runtime that published its peak for Z-Image-Turbo at 1024 px had 30.7 GB over 20.5 GB of weights [doc].
 */
const pictures: ImageUse = {
  kind: 'images',
  perImage: [
    { pixels: 512 * 512, mb: 4_000 },
    { pixels: 768 * 768, mb: 6_000 },
    { pixels: 1024 * 1024, mb: 10_000 },
  ],
};

/**
 * The same of Z-Image-Turbo with `runtime.offload`: all tensors that are alive at once in a model of full size, by their
 * shapes, and half as much again for what is no tensor (`gpu-container/runtime/tests/test_memory_of_manifests.py`). At
 * 512 px that is the largest layer of the text encoder, beyond it the decoding of one picture.
 */
const zImagePictures: ImageUse = {
  ...pictures,
  perImageOffloaded: [
    { pixels: 512 * 512, call_mb: 890, mb: 310 },
    { pixels: 768 * 768, call_mb: 880, mb: 520 },
    { pixels: 1024 * 1024, call_mb: 1_650, mb: 850 },
  ],
};

const visionSource =
  'share of an 80 GB card by tenant, weights in int4 with the vision tower in bf16; other weights [est] but fp8 8B [doc]';

export const sizings: Readonly<Record<string, Sizing>> = {
  'z-image-turbo': {
    // Transformer 6.15 B, text encoder 4 B, VAE 0.17 GB.
    weights: {
      bf16: { mb: 20_500, encoderMb: 8_000 },
      fp8: { mb: 10_700, encoderMb: 4_400 },
      int8: { mb: 10_700, encoderMb: 4_400 },
      int4: { mb: 6_500, encoderMb: 2_800 },
    },
    quant: 'bf16',
    use: zImagePictures,
    source:
      'weights bf16 from the published files, the others [est]; activations are seeds, with the text encoder offloaded counted by shapes; nothing was measured on a card',
  },
  'newbie-image-exp0.1': {
    // Transformer 3.5 B, Gemma 3 4B 8.6 GB, Jina CLIP 1.7 GB (kept in bf16, on the card), VAE 0.2 GB.
    weights: {
      bf16: { mb: 17_500, encoderMb: 8_600 },
      fp8: { mb: 10_400, encoderMb: 5_000 },
      int8: { mb: 10_400, encoderMb: 5_000 },
      int4: { mb: 7_300, encoderMb: 3_400 },
    },
    quant: 'bf16',
    use: pictures,
    source: 'weights [est] from the parameters of each part; activations are seeds, not measured here',
  },
  'qwen3-vl-4b': {
    weights: { bf16: { mb: 8_900 }, fp8: { mb: 5_400 }, int8: { mb: 5_400 }, int4: { mb: 3_500 } },
    quant: 'int4',
    use: { kind: 'share', lowMb: 6_000, highMb: 8_000 },
    source: visionSource,
  },
  'qwen3-vl-8b': {
    weights: { bf16: { mb: 17_500 }, fp8: { mb: 10_600 }, int8: { mb: 10_600 }, int4: { mb: 7_300 } },
    quant: 'int4',
    use: { kind: 'share', lowMb: 8_000, highMb: 12_000 },
    source: visionSource,
  },
  'qwen3-vl-30b-a3b': {
    weights: { bf16: { mb: 62_000 }, fp8: { mb: 31_000 }, int8: { mb: 31_000 }, int4: { mb: 19_000 } },
    quant: 'int4',
    use: { kind: 'share', lowMb: 20_000, highMb: 24_000 },
    source: visionSource,
  },
};

/** Other names of the same models. */
const otherNames: Readonly<Record<string, string>> = {
  'qwen3-vl-30b': 'qwen3-vl-30b-a3b',
  'newbie-image': 'newbie-image-exp0.1',
};

/** Null for a model that the table does not have. */
export function findSizing(model: string): Sizing | null {
  const name = Object.hasOwn(otherNames, model) ? (otherNames[model] ?? model) : model;
  return Object.hasOwn(sizings, name) ? (sizings[name] ?? null) : null;
}
