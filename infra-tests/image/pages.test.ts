/** docs/gpu-container.md: what it says of the worker's environment and of prewarm is what they take. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { workerEnvSchema } from '../../gpu-container/worker/env.ts';
import { prewarmHelp } from '../../gpu-container/worker/prewarm-options.ts';

const root = dirname(dirname(import.meta.dirname));
const page = readFileSync(join(root, 'docs', 'gpu-container.md'), 'utf8');

describe('the page of the worker', () => {
  const rows = new Map(
    [...page.matchAll(/^\| `([A-Z_]+)` \| (yes|no) \|/gm)].map(([, name = '', required]) => [
      name,
      required === 'yes',
    ]),
  );

  it('lists every variable of its environment, and none of its own', () => {
    expect([...rows.keys()].toSorted()).toEqual(Object.keys(workerEnvSchema.shape).toSorted());
  });

  it('says of each whether it is required', () => {
    const isOptional = (schema: z.ZodType) => schema.safeParse(undefined).success;

    const wrong = Object.entries(workerEnvSchema.shape).filter(
      ([name, schema]) => rows.get(name) === isOptional(schema),
    );

    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  it('names the exit codes of prewarm as its help does', () => {
    const codesOf = (text: string) => [
      ...(/Exit codes:(.*?)(?:\.|$)/s.exec(text)?.[1] ?? '').matchAll(/\b([0-6])\s/g),
    ];
    const numbers = (text: string) =>
      codesOf(text)
        .map(([, code]) => code)
        .toSorted();

    expect(numbers(page)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    expect(numbers(prewarmHelp)).toEqual(numbers(page));
  });
});
