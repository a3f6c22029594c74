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

const question = 'one two three four five six seven eight nine ten eleven twelve';

describe('with a chat', () => {
  engineContract('fake', options, {
    model: 'fake-chat',
    makes: 'text',
    quick: { ...saying(question), max_tokens: 4, step_ms: 4 },
    quickSteps: 4,
    slow: { ...saying(question), step_ms: 20 },
    invalid: { ...saying(question), max_tokens: 0 },
  });
});

function saying(content: unknown): object {
  return { messages: [{ role: 'user', content }] };
}

async function startLoaded(model = 'fake'): Promise<RunnerUnderTest> {
  const runner = await startRunnerUnderTest(options);
  onTestFinished(() => runner.dispose());
  runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model, revision: '1' });
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

  it.each([
    ['repeats the last message', saying('good morning'), 'You said: good morning', 'stop', [2, 4]],
    [
      'ends at the tokens asked for',
      { ...saying('good morning'), max_tokens: 3 },
      'You said: good ',
      'length',
      [2, 3],
    ],
    [
      'ends before a stop string',
      { ...saying('good morning'), stop: ['x', ' mor'] },
      'You said: good',
      'stop',
      [2, 3],
    ],
    ['says nothing where that is what is left', { ...saying('good'), stop: 'You' }, '', 'stop', [1, 1]],
    [
      'names each picture by its hash',
      saying([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }]),
      'You said: [picture bde6da8e9d39]',
      'stop',
      [2, 4],
    ],
  ])('answers a chat: %s', async (_, params, text, finishReason, [promptTokens, completionTokens]) => {
    const runner = await startLoaded('fake-chat');

    const frames = await runner.run({ batchId: 'b', model: 'fake-chat', items: [{ id: 'a', params }] });

    const pieces = frames.filter(ofType('delta')).map((message) => message.text);
    expect(pieces.join('')).toBe(text);
    expect(frames.find(ofType('result'))).toMatchObject({
      files: [{ bytes: text.length }],
      answer: { finishReason, promptTokens, completionTokens },
    });
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
