import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelFiles, readWeightsList } from './model-files.ts';
import { startWorkerPool, type WorkerPool } from './network-worker-pool.ts';
import { shapesModelDirectory } from './shapes-vocabulary.ts';

const shapesFiles = async () =>
  await readModelFiles(shapesModelDirectory, await readWeightsList(shapesModelDirectory));

const nullSlots = () => ({ slots: { data: new BigInt64Array(8), dims: [1, 8] } });

describe('a worker pool', () => {
  let pool: WorkerPool;

  beforeAll(async () => {
    pool = startWorkerPool(await shapesFiles(), 2);
  });

  afterAll(() => pool.close());

  it('gives the same answer from every worker', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => pool.run('slot-encoder.onnx', nullSlots())));

    expect(runs[0]?.vectors).toHaveLength(8 * 160);
    for (const run of runs) expect(run).toEqual(runs[0]);
  });

  it('rejects a run of a network that it does not have, and works on', async () => {
    await expect(pool.run('absent.onnx', {})).rejects.toThrow('There is no network absent.onnx.');

    await expect(pool.run('slot-encoder.onnx', nullSlots())).resolves.toHaveProperty('plan');
  });

  it('rejects inputs that the network refuses, and works on', async () => {
    const wrong = { slots: { data: new BigInt64Array(4), dims: [1, 4] } };
    await expect(pool.run('slot-encoder.onnx', wrong)).rejects.toThrow();

    await expect(pool.run('slot-encoder.onnx', nullSlots())).resolves.toHaveProperty('plan');
  });

  it('rejects what is under way when it closes, and everything after', async () => {
    const closing = startWorkerPool(await shapesFiles(), 1);
    const underWay = closing.run('slot-encoder.onnx', nullSlots());
    const rejected = expect(underWay).rejects.toThrow();

    await closing.close();

    await rejected;
    await expect(closing.run('slot-encoder.onnx', nullSlots())).rejects.toThrow('closed');
  });
});

describe('a process that draws', () => {
  it.each([0, 5, 40])('exits cleanly when told to %i ms into a batch', async (delayMs) => {
    const script = `
      import(${JSON.stringify(new URL('./shapes-model.ts', import.meta.url))}).then(async ({ loadShapesModel }) => {
        const model = await loadShapesModel();
        const items = Array.from({ length: 8 }, (_, seed) => ({ prompt: 'a ring', seed, size: 64 }));
        model.generate(items, { steps: 16 });
        setTimeout(() => process.exit(7), ${delayMs});
      });`;
    const child = spawn(process.execPath, ['--eval', script], { stdio: 'ignore' });

    const [exitCode, signal] = await once(child, 'exit');

    expect({ exitCode, signal }).toEqual({ exitCode: 7, signal: null });
  });
});
