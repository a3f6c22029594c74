/** Measures what batching gains the demo model: one picture against eight in one batch, enlarged to 256 px. */
import { loadShapesModel, type ShapesModel } from './shapes-model.ts';

export interface ShapesBench {
  steps: number;
  rounds: number;
  /** Median wall-clock time of one picture alone. */
  batch1Ms: number;
  /** Median wall-clock time of eight pictures in one batch. */
  batch8Ms: number;
  /** How many times longer eight take than one; 8 would mean that batching gains nothing. */
  ratio: number;
}

const rounds = 7;
const steps = 8;

/** Runs both batch sizes in turn, so that a busy moment hits both, and returns medians. Takes a few seconds. */
export async function benchShapes(): Promise<ShapesBench> {
  const model = await loadShapesModel();
  const timesMs: Record<1 | 8, number[]> = { 1: [], 8: [] };
  await measureMs(model, 8);
  for (let round = 0; round < rounds; round += 1) {
    timesMs[1].push(await measureMs(model, 1));
    timesMs[8].push(await measureMs(model, 8));
  }
  await model.close();
  const [batch1Ms, batch8Ms] = [median(timesMs[1]), median(timesMs[8])];
  return { steps, rounds, batch1Ms, batch8Ms, ratio: batch8Ms / batch1Ms };
}

async function measureMs(model: ShapesModel, count: number): Promise<number> {
  const items = Array.from({ length: count }, (_, seed) => ({
    prompt: 'a red ring above a blue square on a dark background',
    seed,
    size: 256 as const,
  }));
  const startedMs = performance.now();
  await model.generate(items, { steps });
  return performance.now() - startedMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
