/** Reads the chat model's description of a picture back as a scene, so that it can judge what the picture model drew. */
import type { JudgedScene } from './shapes-judge.ts';
import { vocabulary } from './shapes-vocabulary.ts';

/** What it is asked, as whoever compares must ask it. */
export const describeQuestion = 'Describe the picture.';

const thing = 'a (\\w+) (\\w+) (\\w+)';
const described = new RegExp(`^${thing}(?: (left of|above) ${thing})? on a (\\w+) background\\.$`, 'i');

/** Null for an answer that is no description of a scene, or names what the scene language has no word for. */
export function readDescription(text: string): JudgedScene | null {
  const [, size1, colour1, shape1, place, size2, colour2, shape2, background] = described.exec(text) ?? [];
  const first = thingOf(size1, colour1, shape1);
  if (first === null || !isNamed('background', background)) return null;
  if (place === undefined) return { relation: 'single', background, objects: [first] };
  const second = thingOf(size2, colour2, shape2);
  if (second === null) return null;
  return { relation: place === 'above' ? 'stacked' : 'beside', background, objects: [first, second] };
}

function thingOf(size: string | undefined, colour: string | undefined, shape: string | undefined) {
  if (!isNamed('size', size) || !isNamed('colour', colour) || !isNamed('shape', shape)) return null;
  return { size, colour, shape };
}

function isNamed(kind: 'size' | 'colour' | 'shape' | 'background', word: string | undefined): word is string {
  return vocabulary[kind].entries.some(({ name }) => name === word);
}
