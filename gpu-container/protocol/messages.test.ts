import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { createFrameReader, encodeFrame } from './framing.ts';
import { byeReasons, failureCodes, runnerMessageSchema, workerMessageSchema } from './messages.ts';

const sides = {
  worker: {
    schema: z.toJSONSchema(workerMessageSchema),
    reader: () => createFrameReader(workerMessageSchema),
  },
  runner: {
    schema: z.toJSONSchema(runnerMessageSchema),
    reader: () => createFrameReader(runnerMessageSchema),
  },
} as const;

const refusedSchema = z.strictObject({
  from: z.enum(['worker', 'runner']),
  fault: z.enum(['oversize', 'broken', 'unknown']),
  why: z.string(),
  frame: z.string(),
});

function linesOf(name: string): string[] {
  return readFileSync(join(import.meta.dirname, 'golden', `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
}

describe.each(['worker', 'runner'] as const)('golden messages of a %s', (side) => {
  it.each(linesOf(side))('are read and written back without a loss: %s', (line) => {
    const [frame] = sides[side].reader()(Buffer.from(`${line}\n`));

    expect(frame?.kind).toBe('message');
    if (frame?.kind !== 'message') return;
    expect(JSON.parse(encodeFrame(frame.message).toString())).toEqual(JSON.parse(line));
  });

  it('show every message there is', () => {
    const shown = new Set(linesOf(side).map((line) => typeOf(line)));

    const declared = new Set(
      [...JSON.stringify(sides[side].schema).matchAll(/"const":"(\w+)"/g)].map((found) => found[1]),
    );
    const scopes = ['item', 'batch', 'model', 'process'];
    expect([...declared].filter((name) => !scopes.includes(name ?? '')).toSorted()).toEqual(
      [...shown].toSorted(),
    );
  });
});

describe('golden messages', () => {
  it('show every failure code and every reason to leave', () => {
    const text = linesOf('runner').join('\n');

    expect([...failureCodes, ...byeReasons].filter((word) => !text.includes(`"${word}"`))).toEqual([]);
  });

  it.each(linesOf('refused').map((line) => refusedSchema.parse(JSON.parse(line))))(
    'are refused: $why',
    (refused) => {
      const frames = sides[refused.from].reader()(Buffer.from(`${refused.frame}\n`));

      expect(frames).toMatchObject([{ kind: 'fault', fault: { kind: refused.fault } }]);
    },
  );
});

function typeOf(line: string): string {
  return z.looseObject({ type: z.string() }).parse(JSON.parse(line)).type;
}
