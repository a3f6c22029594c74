import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engineContract } from '../engine.contract.ts';
import { endOf, ofType, startRunnerUnderTest } from '../runner-under-test.ts';

const modelsDir = join(import.meta.dirname, '..', '..', 'models');
const command = [process.execPath, join(import.meta.dirname, '..', 'runner.ts'), '--engine', 'demo'];
const model = 'pilotlight-shapes';
const adapterPath = (look: string) => join(modelsDir, model, 'adapters', `${look}.safetensors`);

engineContract(
  'demo',
  { command, modelsDir },
  {
    model,
    quick: { prompt: 'a red circle', n: 2, seed: 7, size: 64, steps: 2 },
    quickSteps: 2,
    previewed: { prompt: 'a red circle', n: 2, seed: 7, size: 64, steps: 6 },
    previews: [2, 4],
    slow: { prompt: 'a blue square on white', n: 1, size: 64, steps: 12 },
    invalid: { prompt: 'a red circle', size: 100 },
    adapters: [adapterPath('pastel'), adapterPath('outline')],
  },
);

describe('demo engine', () => {
  it('says which file is missing, and lives on', async () => {
    const emptyDir = await mkdtemp(join(tmpdir(), 'pilotlight-test-'));
    onTestFinished(() => rm(emptyDir, { recursive: true }));
    await mkdir(join(emptyDir, model));
    const runner = await startRunnerUnderTest({ command, modelsDir: emptyDir });
    onTestFinished(() => runner.dispose());

    runner.send(
      { type: 'hello', protocol: 1 },
      { type: 'load', model, revision: '1' },
      { type: 'ping', sequence: 1 },
    );
    const failed = await runner.frame(ofType('failed'));

    expect(failed).toMatchObject({
      scope: 'model',
      code: 'INTERNAL',
      message: expect.stringContaining('weights.json'),
    });
    await runner.frame(ofType('pong'));
  });

  it('spreads more pictures than fit one call over several, with one progress', async () => {
    const runner = await startRunnerUnderTest({ command, modelsDir });
    onTestFinished(() => runner.dispose());
    runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model, revision: '1' });
    const params = { prompt: 'a zorgle green triangle', n: 10, seed: 3, size: 64, steps: 1 };

    const frames = await runner.run({ batchId: 'b', model, items: [{ id: 'a', params }] });

    expect(frames.filter(ofType('progress')).map(({ step, steps }) => `${step}/${steps}`)).toEqual([
      '1/2',
      '2/2',
    ]);
    expect(frames.find(endOf('a'))).toMatchObject({
      seeds: [3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
      unknownWords: ['zorgle'],
    });
  });

  it('draws a seed by lot when none is asked for, and names it', async () => {
    const runner = await startRunnerUnderTest({ command, modelsDir });
    onTestFinished(() => runner.dispose());
    runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model, revision: '1' });
    const params = { prompt: 'a red circle', size: 64, steps: 1 };
    const items = ['a', 'b', 'c'].map((id) => ({ id, params }));

    const frames = await runner.run({ batchId: 'b', model, items });

    const seeds = frames.filter(ofType('result')).flatMap((message) => message.seeds);
    expect(seeds).toHaveLength(3);
    expect(new Set(seeds).size).toBeGreaterThan(1);
  });
});
