import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { engineContract } from '../engine.contract.ts';
import type { RunnerUnderTest } from '../runner-under-test.ts';
import { endOf, ofType, startRunnerUnderTest } from '../runner-under-test.ts';

const options = {
  command: [process.execPath, join(import.meta.dirname, '..', 'runner.ts'), '--engine', 'fake'],
  modelsDir: import.meta.dirname,
};

engineContract('fake', options, {
  model: 'fake',
  quick: { prompt: 'a red circle', n: 2, steps: 3, step_ms: 4 },
  quickSteps: 3,
  slow: { steps: 6, step_ms: 40 },
  invalid: { steps: 0 },
});

async function startLoaded(): Promise<RunnerUnderTest> {
  const runner = await startRunnerUnderTest(options);
  onTestFinished(() => runner.dispose());
  runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model: 'fake', revision: '1' });
  await runner.frame(ofType('loaded'));
  return runner;
}

describe('a runner with a memory cap', () => {
  it('refuses work as out of memory while it holds more, whether or not its worker sees to that', async () => {
    const command = [...options.command, '--memory-max-mb', '1'];
    const runner = await startRunnerUnderTest({ ...options, command });
    onTestFinished(() => runner.dispose());

    runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model: 'fake', revision: '1' });
    const refused = await runner.frame(ofType('failed'));
    const frames = await runner.run({ batchId: 'b', model: 'fake', items: [{ id: 'a', params: {} }] });

    expect(refused).toMatchObject({ scope: 'model', code: 'OOM', retryable: true });
    expect(frames.filter(ofType('result'))).toEqual([]);
    expect(runner.frames.filter(ofType('failed')).at(-1)).toMatchObject({ scope: 'batch', code: 'OOM' });
  });

  it.each(['0', 'much', '-1'])('does not start with a cap of %s', async (cap) => {
    const command = [...options.command, '--memory-max-mb', cap];

    await expect(startRunnerUnderTest({ ...options, command })).rejects.toThrow('exited before');
  });
});

describe('fake engine', () => {
  it('obeys the batch law: pictures together take longer than one, and much less than one by one', async () => {
    const runner = await startLoaded();
    const params = { steps: 5, step_ms: 20 };

    const [alone] = (
      await runner.run({ batchId: 'b1', model: 'fake', items: [{ id: 'alone', params }] })
    ).filter(ofType('result'));
    const items = ['a', 'b', 'c', 'd'].map((id) => ({ id, params }));
    const together = (await runner.run({ batchId: 'b2', model: 'fake', items })).filter(ofType('result'));

    const aloneMs = alone?.gpuMs ?? 0;
    const togetherMs = together.reduce((sum, { gpuMs }) => sum + gpuMs, 0);
    expect(aloneMs).toBeGreaterThanOrEqual(100);
    expect(togetherMs).toBeGreaterThanOrEqual(190);
    expect(togetherMs).toBeLessThan(aloneMs * 4);
  });

  it('speaks text as deltas that add up to its file', async () => {
    const runner = await startLoaded();

    const frames = await runner.run({
      batchId: 'b',
      model: 'fake',
      items: [{ id: 'a', params: { output: 'text', n: 2, seed: 7 } }],
    });

    const text = frames
      .filter(ofType('delta'))
      .map((message) => message.text)
      .join('');
    expect(text).toBe('seed 7\nseed 8\n');
    expect(frames.find(ofType('result'))?.files).toMatchObject([{ bytes: 7, width: null }, { bytes: 7 }]);
  });

  it.each([
    ['nan', 'NAN_OUTPUT', true],
    ['error', 'INTERNAL', false],
  ] as const)('ends the item with the fault %s alone', async (fault, code, retryable) => {
    const runner = await startLoaded();

    const frames = await runner.run({
      batchId: 'b',
      model: 'fake',
      items: [
        { id: 'bad', params: { fault } },
        { id: 'good', params: {} },
      ],
    });

    expect(frames.find(endOf('bad'))).toMatchObject({ code, retryable });
    expect(frames.find(endOf('good'))).toMatchObject({ type: 'result' });
  });

  it('loses the whole batch to memory, as a device does, and runs on', async () => {
    const runner = await startLoaded();

    const frames = await runner.run({
      batchId: 'b1',
      model: 'fake',
      items: [
        { id: 'big', params: { fault: 'oom' } },
        { id: 'mate', params: {} },
      ],
    });
    const later = await runner.run({ batchId: 'b2', model: 'fake', items: [{ id: 'later', params: {} }] });

    expect([frames.find(endOf('big')), frames.find(endOf('mate'))]).toMatchObject([
      { code: 'OOM' },
      { code: 'OOM' },
    ]);
    expect(later.find(endOf('later'))).toMatchObject({ type: 'result' });
  });

  it('really exits on the fault crash', async () => {
    const runner = await startLoaded();

    runner.send(
      await runner.prepare({ batchId: 'b', model: 'fake', items: [{ id: 'a', params: { fault: 'crash' } }] }),
    );

    expect(await runner.exitCode).toBe(70);
    expect(runner.frames.filter(endOf('a'))).toEqual([]);
  });

  it.each([
    ['fake-too-big', 'OOM'],
    ['fake-broken', 'INTERNAL'],
  ])('cannot load %s', async (model, code) => {
    const runner = await startLoaded();

    runner.send({ type: 'load', model, revision: '1' });

    expect(await runner.frame(ofType('failed'))).toMatchObject({ scope: 'model', model, code });
  });
});
