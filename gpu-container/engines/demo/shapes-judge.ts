/**
 * The judge of the quality gate: a classifier, trained apart from the model it judges, that says what a 64 px
 * picture shows. Logits are laid out as `training/train_judge.py` lists them; object 1 stands left or on top.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ShapesPicture } from './shapes-model.ts';
import { shapesPictureFloats, shapesSidePx } from './shapes-sampler.ts';
import { shapesModelDirectory, vocabulary } from './shapes-vocabulary.ts';

export interface JudgedObject {
  shape: string;
  colour: string;
  size: string;
}

export interface JudgedScene {
  relation: string;
  background: string;
  /** One object for the relation "single", two otherwise, in canonical order. */
  objects: JudgedObject[];
}

const answers = [
  'relation',
  'shape',
  'colour',
  'size',
  'shape',
  'colour',
  'size',
  'background',
] as const satisfies readonly (keyof typeof vocabulary)[];

/** Opens the judge; the returned function says what each 64 px picture shows. */
export async function loadShapesJudge(
  directory: string = shapesModelDirectory,
): Promise<(pictures: readonly ShapesPicture[]) => Promise<JudgedScene[]>> {
  const session = await InferenceSession.create(await readFile(join(directory, 'judge.onnx')));
  return async (pictures) => {
    const picture = new Tensor('float32', toChannels(pictures), [
      pictures.length,
      3,
      shapesSidePx,
      shapesSidePx,
    ]);
    const { logits } = await session.run({ picture });
    if (!(logits?.data instanceof Float32Array)) throw new TypeError('The judge did not return logits.');
    const { data } = logits;
    const length = data.length / pictures.length;
    return pictures.map((_, row) => readLogits(data.subarray(row * length, (row + 1) * length)));
  };
}

function toChannels(pictures: readonly ShapesPicture[]): Float32Array {
  const values = new Float32Array(pictures.length * shapesPictureFloats);
  const places = shapesSidePx * shapesSidePx;
  for (const [row, { rgb }] of pictures.entries()) {
    for (const [index, byte] of rgb.entries()) {
      values[row * shapesPictureFloats + (index % 3) * places + Math.floor(index / 3)] = byte / 255;
    }
  }
  return values;
}

/** Takes the likeliest answer to each question. */
function readLogits(logits: Float32Array): JudgedScene {
  let offset = 0;
  const names = answers.map((kind) => {
    const { entries } = vocabulary[kind];
    const scores = logits.subarray(offset, offset + entries.length);
    offset += entries.length;
    return entries[scores.indexOf(Math.max(...scores))]?.name ?? '';
  });
  const [relation = '', shape1 = '', colour1 = '', size1 = '', shape2 = '', colour2 = '', size2 = ''] = names;
  const objects = [
    { shape: shape1, colour: colour1, size: size1 },
    { shape: shape2, colour: colour2, size: size2 },
  ];
  return {
    relation,
    background: names.at(-1) ?? '',
    objects: relation === 'single' ? objects.slice(0, 1) : objects,
  };
}
