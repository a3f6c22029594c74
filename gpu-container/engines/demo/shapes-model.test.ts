import { copyFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from './pictures.ts';
import { loadShapesModel, type ShapesItem, type ShapesModel, type ShapesPicture } from './shapes-model.ts';
import { shapesModelDirectory } from './shapes-vocabulary.ts';

const redRing: ShapesItem = { prompt: 'a large red ring on a white background', seed: 11, size: 64 };
const bluePair: ShapesItem = {
  prompt: 'a blue star left of a green circle on a dark background',
  seed: 12,
  size: 64,
};

let model: ShapesModel;

beforeAll(async () => {
  model = await loadShapesModel();
});

afterAll(() => model.close());

describe('drawing', () => {
  it('gives the same picture for the same seed, and another for another', async () => {
    const first = await drawOne(redRing);
    const again = await drawOne(redRing);
    const other = await drawOne({ ...redRing, seed: 13 });

    expect(again.rgb).toEqual(first.rgb);
    expect(other.rgb).not.toEqual(first.rgb);
  });

  it('draws a picture independently of its batch mates, within one level of 255', async () => {
    const alone = await drawOne(bluePair);
    const mates = Array.from({ length: 7 }, (_, seed) => ({ ...redRing, seed }));

    const batch = await model.generate([...mates.slice(0, 3), bluePair, ...mates.slice(3)], { steps: 4 });

    const together = pictureOf(batch[3]);
    const differences = together.rgb.map((byte, index) => Math.abs(byte - (alone.rgb[index] ?? 0)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
  });

  it.each([64, 256, 512] as const)('draws %i px pictures whose corner shows the background', async (size) => {
    const picture = await drawOne({ ...redRing, size });

    expect([picture.width, picture.height, picture.rgb.length]).toEqual([size, size, size * size * 3]);
    for (const byte of picture.rgb.subarray(0, 3)) expect(byte).toBeGreaterThan(225);
  });

  it('keeps results in the order of items when sizes are mixed', async () => {
    const sizes = [512, 64, 256, 64] as const;

    const results = await model.generate(
      sizes.map((size) => ({ ...redRing, size })),
      { steps: 1 },
    );

    expect(results.map((result) => pictureOf(result).width)).toEqual([...sizes]);
  });

  it('reports the words that had no effect, per item', async () => {
    const results = await model.generate([redRing, { ...redRing, prompt: 'a shiny red cat' }], { steps: 1 });

    expect(results.map((result) => pictureOf(result).unknownWords)).toEqual([[], ['shiny', 'red', 'cat']]);
  });

  it.each([0, 17, 2.5])('refuses %d steps', async (steps) => {
    await expect(model.generate([redRing], { steps })).rejects.toThrow(RangeError);
  });

  it.each([-1, 0.5, 2 ** 53])('refuses seed %d', async (seed) => {
    await expect(model.generate([{ ...redRing, seed }], { steps: 1 })).rejects.toThrow(RangeError);
  });
});

describe('progress and cancellation', () => {
  it('reports each step once, after it is done', async () => {
    const reported: string[] = [];

    await model.generate([redRing], { steps: 3, onStep: (step, steps) => reported.push(`${step}/${steps}`) });

    expect(reported).toEqual(['1/3', '2/3', '3/3']);
  });

  it('drops a cancelled item between steps and finishes the others unchanged', async () => {
    const alone = await drawOne(redRing);
    let stepsDone = 0;

    const results = await model.generate([bluePair, redRing], {
      steps: 4,
      onStep: (step) => {
        stepsDone = step;
      },
      isCanceled: (index) => index === 0 && stepsDone >= 2,
    });

    expect(results[0]).toBe('canceled');
    const differences = pictureOf(results[1]).rgb.map((byte, index) =>
      Math.abs(byte - (alone.rgb[index] ?? 0)),
    );
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
  });

  it('stops at once when every item is cancelled', async () => {
    const steps: number[] = [];

    const results = await model.generate([redRing, bluePair], {
      steps: 16,
      onStep: (step) => steps.push(step),
      isCanceled: () => steps.length >= 1,
    });

    expect(results).toEqual(['canceled', 'canceled']);
    expect(steps).toEqual([1]);
  });

  it('does not return a picture cancelled during its last step', async () => {
    let isLast = false;

    const results = await model.generate([redRing], {
      steps: 2,
      onStep: (step, steps) => {
        isLast = step === steps;
      },
      isCanceled: () => isLast,
    });

    expect(results).toEqual(['canceled']);
  });
});

describe('loading', () => {
  it('names the weight file that is missing', async () => {
    await using copy = await copyModel();
    await rm(join(copy.directory, 'denoiser.onnx'));

    await expect(loadShapesModel(copy.directory)).rejects.toMatchObject({
      code: 'MODEL_FILE',
      message: 'Model file denoiser.onnx cannot be read.',
    });
  });

  it('names the weight file that was cut short', async () => {
    await using copy = await copyModel();
    await truncate(join(copy.directory, 'upscaler-256.onnx'), 1000);

    await expect(loadShapesModel(copy.directory)).rejects.toMatchObject({
      code: 'MODEL_FILE',
      file: 'upscaler-256.onnx',
    });
  });

  it('refuses a list of checksums that it cannot read', async () => {
    await using copy = await copyModel();
    await writeFile(join(copy.directory, 'weights.json'), '{');

    await expect(loadShapesModel(copy.directory)).rejects.toMatchObject({
      code: 'MODEL_FILE',
      file: 'weights.json',
    });
  });
});

describe('encodePng', () => {
  it('gives back the very pixels when decoded', async () => {
    const picture = await drawOne(redRing);

    const png = await encodePng(picture);

    const decoded = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(decoded.info).toMatchObject({ width: 64, height: 64, channels: 3 });
    expect(new Uint8Array(decoded.data)).toEqual(picture.rgb);
  });
});

async function drawOne(item: ShapesItem): Promise<ShapesPicture> {
  const [result] = await model.generate([item], { steps: 4 });
  return pictureOf(result);
}

function pictureOf(result: ShapesPicture | 'canceled' | undefined): ShapesPicture {
  if (result === undefined || result === 'canceled') throw new Error(`Expected a picture, got ${result}.`);
  return result;
}

/** A private copy of the model's files, removed when it goes out of scope. */
async function copyModel() {
  const directory = await mkdtemp(join(tmpdir(), 'shapes-model-'));
  const files = (await readdir(shapesModelDirectory)).filter((name) => /\.(onnx|json)$/u.test(name));
  await Promise.all(files.map((name) => copyFile(join(shapesModelDirectory, name), join(directory, name))));
  return {
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
