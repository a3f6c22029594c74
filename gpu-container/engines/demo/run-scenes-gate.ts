/**
 * Draws gate prompts with the picture model and has the chat model describe the pictures: do its words name what was asked for?
 * `node gpu-container/engines/demo/print-scenes-gate.ts` prints the figures that MODEL_CARD.md quotes. The chat model has seen
 * no picture of the picture model before.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineBatch, ItemEnd, RunContext } from '../engine.ts';
import { encodePng } from './pictures.ts';
import { gatePromptsSchema } from './run-shapes-gate.ts';
import { openScenes } from './scenes-batch.ts';
import { describeQuestion, readDescription } from './scenes-description.ts';
import { type GateFigures, gateFigures } from './shapes-gate.ts';
import type { JudgedScene } from './shapes-judge.ts';
import { loadShapesModel, type ShapesPicture, type ShapesSizePx } from './shapes-model.ts';
import { shapesModelDirectory } from './shapes-vocabulary.ts';

/** Directory of the released weights, inside the repository. */
export const scenesModelDirectory = fileURLToPath(new URL('../../models/pilotlight-scenes', import.meta.url));

const batchItems = 8;

/** What an answer that describes no scene counts as: nothing of it is right. */
const nothing: JudgedScene = { relation: '', background: '', objects: [] };

/** Draws and describes the first `count` gate prompts at `size`, eight at a time. */
export async function runScenesGate({
  size,
  count,
}: {
  size: ShapesSizePx;
  count?: number | undefined;
}): Promise<{ figures: GateFigures; answers: { prompt: string; answer: string }[] }> {
  const text = await readFile(join(shapesModelDirectory, 'gate-prompts.json'), 'utf8');
  const prompts = gatePromptsSchema.parse(JSON.parse(text)).slice(0, count);
  const [shapes, scenes] = [await loadShapesModel(), await openScenes(scenesModelDirectory)];
  const answers: { prompt: string; answer: string }[] = [];
  for (let start = 0; start < prompts.length; start += batchItems) {
    const batch = prompts.slice(start, start + batchItems);
    const items = batch.map(({ prompt, seed }) => ({ prompt, seed, size }));
    const drawn = await shapes.generate(items, { steps: 8 });
    const pictures = drawn.filter((result): result is ShapesPicture => result !== 'canceled');
    const told = await describe(scenes.run, pictures);
    for (const [row, { prompt }] of batch.entries()) answers.push({ prompt, answer: told[row] ?? '' });
  }
  await Promise.all([shapes.close(), scenes.close()]);
  const pairs = prompts.map(({ expected }, row) => {
    return { expected, judged: readDescription(answers[row]?.answer ?? '') ?? nothing };
  });
  return { figures: gateFigures(pairs), answers };
}

async function describe(
  run: (batch: EngineBatch, context: RunContext) => Promise<void>,
  pictures: readonly ShapesPicture[],
): Promise<string[]> {
  const told = new Map<string, string>();
  const items = await Promise.all(
    pictures.map(async (picture, row) => {
      const url = `data:image/png;base64,${Buffer.from(await encodePng(picture)).toString('base64')}`;
      const params: EngineBatch['items'][number]['params'] = {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image_url', image_url: { url } },
              { type: 'text', text: describeQuestion },
            ],
          },
        ],
      };
      return { id: String(row), params, deadlineMs: null };
    }),
  );
  await run(
    { model: 'pilotlight-scenes', revision: '1', items, adapters: [] },
    {
      isStopped: () => false,
      progress: () => undefined,
      wantsPreviews: false,
      preview: () => undefined,
      delta: (id, text) => told.set(id, (told.get(id) ?? '') + text),
      write: async () => undefined,
      end: (id, end: ItemEnd) => {
        if (end.kind !== 'succeeded') throw new Error(`item ${id} ended as ${end.kind}`);
      },
    },
  );
  return items.map(({ id }) => told.get(id) ?? '');
}
