import { expect, it } from 'vitest';
import * as z from 'zod';
import { faultsOf } from './faults.ts';

const schema = z.strictObject({
  name: z.string(),
  steps: z.int().max(8).optional(),
  size: z.enum(['small', 'large']).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  tags: z.array(z.strictObject({ id: z.string() })).optional(),
});

function faults(value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return error === undefined
    ? []
    : faultsOf(error, ['input']).map(({ path, message }) => `${path} ${message}`);
}

it.each([
  [{}, ['input.name is required']],
  [{ name: 1 }, ['input.name must be a string']],
  [{ name: 'a', steps: 1.5 }, ['input.steps must be a whole number']],
  [{ name: 'a', labels: [] }, ['input.labels must be an object']],
  [{ name: 'a', tags: {} }, ['input.tags must be an array']],
  [{ name: 'a', size: 'huge' }, ['input.size must be one of small, large']],
  [{ name: 'a', nmae: 'b', x: 1 }, ['input.nmae is not a known field', 'input.x is not a known field']],
  [{ name: 'a', tags: [{ id: 'b' }, { id: 1 }] }, ['input.tags.1.id must be a string']],
])('says of %j what a person can act on', (value, expected) => {
  expect(faults(value)).toEqual(expected);
});
