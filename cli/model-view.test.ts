import { expect, it } from 'vitest';
import { inputTable } from './model-view.ts';

it('lists the fields of an input schema as a person reads them', () => {
  const shown = inputTable({
    type: 'object',
    required: ['prompt'],
    properties: {
      prompt: { type: 'string', minLength: 1, maxLength: 500, description: 'What to draw' },
      size: { type: 'integer', enum: [256, 512], default: 256 },
      guidance: { type: 'number', minimum: 0 },
      seed: { type: ['integer', 'null'], maximum: 9, multipleOf: 3 },
      tag: { const: 'a' },
      extra: {},
    },
  });

  expect(shown.split('\n')).toEqual([
    'NAME      TYPE             RANGE                   DEFAULT   ABOUT',
    'prompt    string           1 to 500 characters     required  What to draw',
    'size      integer          256, 512                256',
    'guidance  number           0 or more',
    'seed      integer or null  up to 9, in steps of 3',
    'tag       string           "a"',
    'extra     any',
  ]);
});
