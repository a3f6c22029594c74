/**
 * The one conformance suite for every engine: over a real process and a real socket, so that it holds for a runtime
 * in any language. A test file calls {@link engineContract} with how to start the runner and what to ask of it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunnerMessage } from '../protocol/messages.ts';
import type { ModelScene, SampleInputs } from './contract-scene.ts';
import { describeAdapters } from './engine-adapters.contract.ts';
import { describeBatches } from './engine-batches.contract.ts';
import type { RunnerUnderTest, RunnerUnderTestOptions, SampleBatch } from './runner-under-test.ts';
import { endOf, ofType, startRunnerUnderTest } from './runner-under-test.ts';

/**
 * Declares the suite. It takes one process for most tests, which ends it, and one of its own for each other that ends one: to
 * load what some engines need takes seconds.
 */
export function engineContract(name: string, options: RunnerUnderTestOptions, sample: SampleInputs): void {
  const { model, quick, slow, adapters } = sample;

  async function startLoaded(): Promise<RunnerUnderTest> {
    const runner = await startRunnerUnderTest(options);
    runner.send({ type: 'hello', protocol: 1 }, { type: 'load', model, revision: '1' });
    const answer = await runner.frame(isLoadEnd);
    if (answer.type === 'loaded') return runner;
    await runner.dispose();
    throw new Error(`${model} did not load, so its files may be missing: ${answer.message}`);
  }

  /** A process of its own for one test. */
  async function withRunner(
    start: () => Promise<RunnerUnderTest>,
    test: (runner: RunnerUnderTest) => Promise<void>,
  ) {
    const runner = await start();
    try {
      await test(runner);
    } finally {
      await runner.dispose();
    }
  }

  describe(`${name} engine: conversation`, () => {
    it('is ready before any model is loaded, and leaves no socket for others', () =>
      withRunner(
        () => startRunnerUnderTest(options),
        async (runner) => {
          runner.send({ type: 'hello', protocol: 1 });

          const ready = await runner.frame(ofType('ready'));

          expect(ready).toMatchObject({ protocol: 1, engine: name });
          expect(runner.frames).toHaveLength(1);
          expect(runner.hasSocketFile()).toBe(false);
        },
      ));

    it('leaves when the worker speaks another version', () =>
      withRunner(
        () => startRunnerUnderTest(options),
        async (runner) => {
          runner.send({ type: 'hello', protocol: 2 });

          expect(await runner.exitCode).toBe(0);
          expect(runner.frames).toEqual([{ type: 'bye', reason: 'protocol_version' }]);
        },
      ));

    it('answers garbage with a failure and bye, and exits cleanly', () =>
      withRunner(
        () => startRunnerUnderTest(options),
        async (runner) => {
          runner.sendBytes('GET / HTTP/1.1\r\n');

          expect(await runner.exitCode).toBe(0);
          expect(runner.frames).toMatchObject([
            { type: 'failed', scope: 'process', code: 'INTERNAL' },
            { type: 'bye', reason: 'protocol_fault' },
          ]);
        },
      ));

    it('refuses a batch of a model that was never loaded', () =>
      withRunner(
        () => startRunnerUnderTest(options),
        async (runner) => {
          runner.send({ type: 'hello', protocol: 1 });

          expect(await runner.run(batchOf('batch_before', [{ id: 'a', params: quick }]))).toEqual([]);

          expect(refusalsIn(runner.frames)).toEqual([['batch', 'MODEL_NOT_LOADED']]);
        },
      ));

    it('exits when its worker is gone, in the middle of a batch', () =>
      withRunner(startLoaded, async (runner) => {
        runner.send(await runner.prepare(batchOf('batch_orphan', [{ id: 'a', params: slow }])));
        await runner.frame(ofType('progress'));

        runner.hangUp();

        expect(await runner.exitCode).toBe(0);
        expect(runner.frames.filter(endOf('a'))).toEqual([]);
      }));
  });

  describe(`${name} engine: a model`, () => {
    let runner: RunnerUnderTest;
    beforeAll(async () => {
      runner = await startLoaded();
    });
    afterAll(() => runner?.dispose());

    const scene = { name, sample, batchOf, shared: () => runner };
    describeBatches(scene);
    if (adapters !== undefined) describeAdapters(scene, adapters);
    describeEnd(scene);
  });

  function batchOf(batchId: string, items: SampleBatch['items']): SampleBatch {
    return { batchId, model, items };
  }
}

/** Comes last: the process is gone after it. */
function describeEnd({ name, sample: { model, quick, slow }, shared, batchOf }: ModelScene): void {
  describe(`${name} engine: the end`, () => {
    it('refuses a batch of a model that is no longer loaded', async () => {
      const runner = shared();
      const framesBefore = runner.frames.length;

      runner.send({ type: 'unload', model, revision: '1' });
      const frames = await runner.run(batchOf('batch_after', [{ id: 'after', params: quick }]));

      expect(frames).toEqual([]);
      expect(refusalsIn(runner.frames.slice(framesBefore))).toEqual([['batch', 'MODEL_NOT_LOADED']]);
    });

    it('loads it again, and ends running work before it leaves on drain', async () => {
      const runner = shared();
      runner.send({ type: 'load', model, revision: '1' });

      runner.send(await runner.prepare(batchOf('batch_drain', [{ id: 'drained', params: slow }])), {
        type: 'drain',
      });

      expect(await runner.exitCode).toBe(0);
      expect(runner.frames.slice(-2)).toMatchObject([
        { type: 'result', id: 'drained' },
        { type: 'bye', reason: 'drained' },
      ]);
    });
  });
}

function refusalsIn(frames: readonly RunnerMessage[]): [scope: string, code: string][] {
  return frames.filter(ofType('failed')).map(({ scope, code }) => [scope, code]);
}

function isLoadEnd(message: RunnerMessage): message is Extract<RunnerMessage, { type: 'loaded' | 'failed' }> {
  return message.type === 'loaded' || message.type === 'failed';
}
