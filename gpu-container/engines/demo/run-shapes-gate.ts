/**
 * Draws held-back gate prompts through the product's own path (parser, sampler, ONNX Runtime) and has them judged.
 * `node gpu-container/engines/demo/print-shapes-gate.ts` prints the figures that MODEL_CARD.md quotes.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type GateFigures, gateFigures } from './shapes-gate.ts';
import { loadShapesJudge } from './shapes-judge.ts';
import { loadShapesModel, type ShapesPicture } from './shapes-model.ts';
import { shapesModelDirectory } from './shapes-vocabulary.ts';

/** Of `gate-prompts.json`. */
export const gatePromptsSchema = z.array(
  z.object({
    seed: z.int(),
    prompt: z.string(),
    expected: z.object({
      relation: z.string(),
      background: z.string().nullable(),
      objects: z.array(z.object({ shape: z.string(), colour: z.string(), size: z.string().nullable() })),
    }),
  }),
);

/** Pictures drawn at once: what a worker's batch holds. */
const batchItems = 8;

/** Draws all gate prompts, or the first `count`, at 64 px and returns the figures. */
export async function runShapesGate(
  options: { steps: number; guidance?: number; count?: number },
  directory: string = shapesModelDirectory,
): Promise<GateFigures> {
  const text = await readFile(join(directory, 'gate-prompts.json'), 'utf8');
  const prompts = gatePromptsSchema.parse(JSON.parse(text)).slice(0, options.count);
  const judge = await loadShapesJudge(directory);
  const model = await loadShapesModel(directory);
  const pairs: Parameters<typeof gateFigures>[0][number][] = [];
  for (let start = 0; start < prompts.length; start += batchItems) {
    const batch = prompts.slice(start, start + batchItems);
    const results = await model.generate(
      batch.map(({ prompt, seed }) => ({ prompt, seed, size: 64 })),
      { steps: options.steps, guidance: options.guidance },
    );
    const judged = await judge(results.filter((result): result is ShapesPicture => result !== 'canceled'));
    for (const [row, { expected }] of batch.entries()) {
      const seen = judged[row];
      if (seen !== undefined) pairs.push({ expected, judged: seen });
    }
  }
  await model.close();
  return gateFigures(pairs);
}
