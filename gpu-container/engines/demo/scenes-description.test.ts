import { describe, expect, it } from 'vitest';
import { readDescription } from './scenes-description.ts';

describe('a description, read as a scene', () => {
  it('names one object and its background', () => {
    expect(readDescription('A large red ring on a mint background.')).toEqual({
      relation: 'single',
      background: 'mint',
      objects: [{ size: 'large', colour: 'red', shape: 'ring' }],
    });
  });

  it.each([
    ['left of', 'beside'],
    ['above', 'stacked'],
  ])('names two objects, one %s the other', (place, relation) => {
    expect(readDescription(`A small blue star ${place} a large red ring on a white background.`)).toEqual({
      relation,
      background: 'white',
      objects: [
        { size: 'small', colour: 'blue', shape: 'star' },
        { size: 'large', colour: 'red', shape: 'ring' },
      ],
    });
  });

  it.each([
    'I see no shape that I know.',
    'A large red ring',
    'A large red ring on a purple background.',
    'A large red house on a white background.',
    'A large red ring near a small blue star on a white background.',
    'A large red ring above a small blue thing on a white background.',
  ])('is none where it says "%s"', (text) => {
    expect(readDescription(text)).toBeNull();
  });
});
