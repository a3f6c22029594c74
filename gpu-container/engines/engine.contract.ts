/**
 * The one conformance suite for every engine: over a real process and a real socket, so that it holds for a runtime
 * in any language. A test file calls {@link engineContract} with how to start the runner and what to ask of it.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loraFile } from '#core/adapter/file-under-test.ts';
import type { RunMessage, RunnerMessage } from '../protocol/messages.ts';
import type { RunnerUnderTest, RunnerUnderTestOptions, SampleBatch } from './runner-under-test.ts';
import { endOf, ofType, startRunnerUnderTest } from './runner-under-test.ts';

export interface SampleInputs {
  readonly model: string;
  /**
   * What its items make: `text` is one file, told in pieces before it is there.
   * @default 'pictures'
   */
  readonly makes?: 'pictures' | 'text';
  /** Makes two pictures in `quickSteps` steps, or a text of as many tokens. */
  readonly quick: object;
  readonly quickSteps: number;
  /** Runs for several steps of some milliseconds each. */
  readonly slow: object;
  /** A value out of range. */
  readonly invalid: object;
  /**
   * How far a channel of a pixel, 0 to 255, may be from what the same item gets alone: a device may add in another
   * order when it has more to add.
   * @default 0: the same bytes
   */
  readonly batchTolerance?: number;
  /**
   * Steps of `previewed` after which it shows those who ask how it looks.
   * @default it shows nothing
   */
  readonly previews?: readonly number[];
  /** @default quick */
  readonly previewed?: object;
  /**
   * Paths of two adapters that each change the picture of `quick`.
   * @default the engine takes no adapters
   */
  readonly adapters?: readonly [string, string];
}

type RunAdapter = RunMessage['adapters'][number];

/** Declares the suite. It takes one process for most tests, and one of its own for each that ends it. */
export function engineContract(name: string, options: RunnerUnderTestOptions, sample: SampleInputs): void {
  const {
    model,
    makes = 'pictures',
    quick,
    quickSteps,
    slow,
    invalid,
    batchTolerance = 0,
    previews = [],
    previewed = quick,
    adapters,
  } = sample;

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

    it('ends running work before it leaves on drain', () =>
      withRunner(startLoaded, async (runner) => {
        runner.send(await runner.prepare(batchOf('batch_drain', [{ id: 'a', params: slow }])), {
          type: 'drain',
        });

        expect(await runner.exitCode).toBe(0);
        expect(runner.frames.slice(-2)).toMatchObject([
          { type: 'result', id: 'a' },
          { type: 'bye', reason: 'drained' },
        ]);
      }));

    it('exits when its worker is gone, in the middle of a batch', () =>
      withRunner(startLoaded, async (runner) => {
        runner.send(await runner.prepare(batchOf('batch_orphan', [{ id: 'a', params: slow }])));
        await runner.frame(ofType('progress'));

        runner.hangUp();

        expect(await runner.exitCode).toBe(0);
        expect(runner.frames.filter(endOf('a'))).toEqual([]);
      }));

    it('refuses a batch of a model that was never loaded, or is no longer', () =>
      withRunner(
        () => startRunnerUnderTest(options),
        async (runner) => {
          runner.send({ type: 'hello', protocol: 1 });
          const before = await runner.run(batchOf('batch_before', [{ id: 'a', params: quick }]));
          runner.send({ type: 'load', model, revision: '1' }, { type: 'unload', model, revision: '1' });
          const after = await runner.run(batchOf('batch_after', [{ id: 'b', params: quick }]));

          expect([...before, ...after]).toEqual([]);
          const refused = runner.frames.filter(ofType('failed'));
          expect(refused.map((message) => [message.scope, message.code])).toEqual([
            ['batch', 'MODEL_NOT_LOADED'],
            ['batch', 'MODEL_NOT_LOADED'],
          ]);
        },
      ));
  });

  if (adapters !== undefined) describeAdapters(adapters);

  describe(`${name} engine: batches`, () => {
    let runner: RunnerUnderTest;
    beforeAll(async () => {
      runner = await startLoaded();
    });
    afterAll(() => runner?.dispose());

    it('takes no time to load a model again', async () => {
      runner.send({ type: 'load', model, revision: '1' }, { type: 'ping', sequence: 1 });
      await runner.run(batchOf('batch_again', [{ id: 'again', params: quick }]));

      expect(runner.frames.filter(ofType('loaded')).at(1)).toMatchObject({ model, ms: 0 });
    });

    it('knows which models it does not have, and lives on', async () => {
      runner.send({ type: 'load', model: 'no-such-model', revision: '1' });

      const failed = await runner.frame((message) => message.type === 'failed' && message.scope === 'model');

      expect(failed).toMatchObject({ code: 'MODEL_NOT_LOADED', model: 'no-such-model', retryable: false });
    });

    it.skipIf(makes === 'pictures')('tells a text in pieces that its one file is made of', async () => {
      const frames = await runner.run(batchOf('batch_text', [{ id: 'text', params: quick }]));

      const result = frames.find(ofType('result'));
      expect(result).toMatchObject({
        files: [{ contentType: 'text/plain; charset=utf-8', width: null, height: null }],
        seeds: [expect.any(Number)],
        answer: { finishReason: 'length', completionTokens: quickSteps },
      });
      expect(result?.answer?.promptTokens).toBeGreaterThan(0);
      const body = await readFile(
        join(runner.scratchDir, 'batch_text', result?.files[0]?.path ?? ''),
        'utf8',
      );
      const pieces = frames.filter(ofType('delta')).map((message) => message.text);
      expect(pieces.length).toBeGreaterThan(1);
      expect(pieces.join('')).toBe(body);
      expect(result?.files[0]?.sha256).toBe(sha256Of(Buffer.from(body)));
    });

    it.skipIf(makes === 'text')(
      'runs one item and writes exactly the files that its result names',
      async () => {
        const frames = await runner.run(batchOf('batch_one', [{ id: 'one', params: quick }]));

        const result = frames.find(ofType('result'));
        expect(runner.frames.filter(ofType('accepted')).map((message) => message.batchId)).toContain(
          'batch_one',
        );
        expect(result).toMatchObject({ seeds: [expect.any(Number), expect.any(Number)] });
        expect(result?.files).toHaveLength(2);
        for (const file of result?.files ?? []) {
          const body = await readFile(join(runner.scratchDir, 'batch_one', file.path));
          expect(file).toMatchObject({
            bytes: body.byteLength,
            sha256: sha256Of(body),
            contentType: 'image/png',
          });
          expect(body.subarray(1, 4).toString()).toBe('PNG');
          expect([body.readUInt32BE(16), body.readUInt32BE(20)]).toEqual([file.width, file.height]);
        }
      },
    );

    it('makes the same files from the same seed, alone or in a batch', async () => {
      const alone = await runner.run(batchOf('batch_alone', [{ id: 'alone', params: quick }]));
      const shared = await runner.run(
        batchOf('batch_shared', [
          { id: 'mate', params: { ...quick, seed: 99 } },
          { id: 'shared', params: quick },
        ]),
      );

      expect(hashesOf(alone, 'alone')).not.toEqual([]);
      if (batchTolerance === 0) expect(hashesOf(shared, 'shared')).toEqual(hashesOf(alone, 'alone'));
      if (makes === 'text') return;
      const apart = await differenceOf(
        await picturesOf(runner, 'batch_alone', alone, 'alone'),
        await picturesOf(runner, 'batch_shared', shared, 'shared'),
      );
      expect(apart).toBeLessThanOrEqual(batchTolerance);
    });

    it('ends every item of a batch exactly once', async () => {
      const ids = ['each_1', 'each_2', 'each_3', 'each_4', 'each_5'];

      const frames = await runner.run(
        batchOf(
          'batch_each',
          ids.map((id) => ({ id, params: quick })),
        ),
      );

      expect(ids.map((id) => frames.filter(endOf(id)).map((message) => message.type))).toEqual(
        ids.map(() => ['result']),
      );
    });

    it('tells true progress: steps only grow, reach their number, and come before the end', async () => {
      const frames = await runner.run(batchOf('batch_steps', [{ id: 'steps', params: quick }]));

      const told = frames
        .filter((message) => message.type !== 'delta')
        .map((message) => (message.type === 'progress' ? message.step : message.type));
      expect(told).toEqual([...Array.from({ length: quickSteps }, (_, index) => index + 1), 'result']);
      expect(frames.find(ofType('progress'))).toMatchObject({ steps: quickSteps });
    });

    it('charges the items of a batch together no more than the time that passed', async () => {
      const startMs = performance.now();

      const frames = await runner.run(
        batchOf('batch_time', [
          { id: 'time_1', params: quick },
          { id: 'time_2', params: quick },
        ]),
      );

      const gpuMs = frames.filter(ofType('result')).map((message) => message.gpuMs);
      expect(Math.min(...gpuMs)).toBeGreaterThan(0);
      // Each share is rounded to a whole millisecond.
      expect(gpuMs.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(performance.now() - startMs + 1);
    });

    it.each([
      ['a value out of range', invalid],
      ['a parameter that it does not know', { ...quick, no_such_parameter: 1 }],
    ])('refuses %s for that item alone', async (what, params) => {
      const bad = `bad ${what}`;
      const good = `good ${what}`;

      const frames = await runner.run({
        batchId: `batch_${what.length}`,
        model,
        items: [
          { id: bad, params },
          { id: good, params: quick },
        ],
      });

      expect(frames.find(endOf(bad))).toMatchObject({ code: 'INVALID_INPUT', retryable: false, gpuMs: 0 });
      expect(frames.find(endOf(good))).toMatchObject({ type: 'result' });
    });

    it('stops a canceled item between two steps and finishes the others', async () => {
      runner.send(
        await runner.prepare(
          batchOf('batch_cancel', [
            { id: 'canceled', params: slow },
            { id: 'kept', params: slow },
          ]),
        ),
      );
      await runner.frame(progressOf('canceled'));

      runner.send({ type: 'cancel', id: 'canceled' });

      expect(await runner.frame(endOf('canceled'))).toMatchObject({ code: 'CANCELLED', retryable: false });
      expect(await runner.frame(endOf('kept'))).toMatchObject({ type: 'result' });
      expect(runner.frames.filter(endOf('canceled'))).toHaveLength(1);
    });

    it('runs on after a cancel of something that is not there', async () => {
      runner.send({ type: 'cancel', id: 'nobody' });

      const frames = await runner.run(batchOf('batch_nobody', [{ id: 'somebody', params: quick }]));

      expect(frames.find(endOf('somebody'))).toMatchObject({ type: 'result' });
    });

    it('stops an item at its deadline', async () => {
      const frames = await runner.run(batchOf('batch_late', [{ id: 'late', params: slow, deadlineMs: 1 }]));

      expect(frames.find(endOf('late'))).toMatchObject({ code: 'DEADLINE', retryable: true });
    });

    it('shows how an item looks to those who ask, while it is drawn, and to nobody else', async () => {
      const message = await runner.prepare(batchOf('batch_shown', [{ id: 'shown', params: previewed }]));
      runner.send({ ...message, previews: true });
      await runner.frame(endOf('shown'));
      const unseen = await runner.run(batchOf('batch_unseen', [{ id: 'unseen', params: previewed }]));

      const shown = runner.frames.filter(ofType('preview'));
      expect(shown.map(({ id, step }) => [id, step])).toEqual(previews.map((step) => ['shown', step]));
      for (const { contentType, width, height, data } of shown) {
        const { format, ...sides } = await sharp(Buffer.from(data, 'base64')).metadata();
        expect({ contentType, width, height }).toEqual({
          contentType: `image/${format}`,
          width: sides.width,
          height: sides.height,
        });
      }
      expect(unseen.filter(ofType('preview'))).toEqual([]);
    });

    it.skipIf(adapters !== undefined)('refuses adapters when it takes none', async () => {
      const adapter = { id: 'adapter_1', path: '/nowhere', sha256: '0'.repeat(64), weight: 1 };
      const message = await runner.prepare(batchOf('batch_adapter', [{ id: 'adapted', params: quick }]));

      runner.send({ ...message, adapters: [adapter] });

      expect(await runner.frame(endOf('adapted', 'batch_adapter'))).toMatchObject({
        code: 'ADAPTER_INVALID',
      });
    });

    it('answers pings while a batch runs', async () => {
      // On a busy machine the ping may come after the end. A runner that answers none while it runs answers none of these.
      const sequences = [42, 43, 44, 45, 46];
      let first: string | undefined;
      for (const sequence of sequences) if (first !== 'pong') first = await firstOf(sequence);

      expect(first).toBe('pong');
    });

    /** Which came first, the answer to the ping of this number or the end of a batch that ran when it was sent. */
    async function firstOf(sequence: number): Promise<string | undefined> {
      const id = `pinged_${sequence}`;
      runner.send(await runner.prepare(batchOf(`batch_ping_${sequence}`, [{ id, params: slow }])));
      await runner.frame(progressOf(id));
      runner.send({ type: 'ping', sequence });
      await runner.frame(endOf(id));
      const isPong = (message: RunnerMessage) => message.type === 'pong' && message.sequence === sequence;
      return runner.frames.find((message) => endOf(id)(message) || isPong(message))?.type;
    }
  });

  function batchOf(batchId: string, items: SampleBatch['items']): SampleBatch {
    return { batchId, model, items };
  }

  function describeAdapters([first, second]: readonly [string, string]): void {
    describe(`${name} engine: adapters`, () => {
      let runner: RunnerUnderTest;
      let batches = 0;
      beforeAll(async () => {
        runner = await startLoaded();
      });
      afterAll(() => runner.dispose());

      /** The hashes of what `quick` makes under these adapters, or the code of its failure. */
      async function run(own: readonly RunAdapter[]): Promise<readonly string[] | string> {
        batches += 1;
        const batch = batchOf(`batch_${batches}`, [{ id: `item_${batches}`, params: quick }]);
        runner.send({ ...(await runner.prepare(batch)), adapters: [...own] });
        const end = await runner.frame(endOf(`item_${batches}`, batch.batchId));
        return end.type === 'result' ? end.files.map((file) => file.sha256) : end.code;
      }

      it('draw something else each, the same each time, and the plain model again without them', async () => {
        const [one, other] = [await adapterOf(first), await adapterOf(second)];

        const plain = await run([]);
        const looks = [await run([one]), await run([other]), await run([one, other])];
        const again = [await run([one]), await run([other]), await run([one, other])];

        expect(new Set([plain, ...looks].map(String)).size).toBe(4);
        expect(again).toEqual(looks);
        expect(await run([])).toEqual(plain);
      });

      it('draw the plain model at weight 0, and something else at each other weight', async () => {
        const one = await adapterOf(first);

        const [plain, none] = [await run([]), await run([{ ...one, weight: 0 }])];
        const weighed: unknown[] = [];
        for (const weight of [0.5, 1, -1]) weighed.push(await run([{ ...one, weight }]));

        expect(none).toEqual(plain);
        expect(new Set([plain, ...weighed].map(String)).size).toBe(4);
      });

      it.each([
        ['a file that is not there', { path: '/nowhere/adapter.safetensors', sha256: 'f'.repeat(64) }],
        ['another file than was said', { sha256: '0'.repeat(64) }],
      ])('end every item and spare the runner where one is %s', async (_, change) => {
        const one = await adapterOf(first);

        expect(await run([{ ...one, ...change }])).toBe('ADAPTER_INVALID');

        expect(await run([one])).toHaveLength(2);
      });

      it.each([
        ['is no adapter', () => Buffer.from('no safetensors')],
        ['changes a layer that the model does not have', () => loraFile(2, 'no.such.layer')],
      ])('end every item where a file %s', async (_, make) => {
        const folder = await mkdtemp(join(tmpdir(), 'pilotlight-test-'));
        onTestFinished(() => rm(folder, { recursive: true }));
        const path = join(folder, 'wrong.safetensors');
        await writeFile(path, make());

        expect(await run([await adapterOf(path)])).toBe('ADAPTER_INVALID');
      });
    });
  }
}

function isLoadEnd(message: RunnerMessage): message is Extract<RunnerMessage, { type: 'loaded' | 'failed' }> {
  return message.type === 'loaded' || message.type === 'failed';
}

function progressOf(itemId: string) {
  return (message: RunnerMessage): message is Extract<RunnerMessage, { type: 'progress' }> =>
    message.type === 'progress' && message.id === itemId;
}

function hashesOf(frames: readonly RunnerMessage[], itemId: string): string[] {
  const result = frames.filter(ofType('result')).find((message) => message.id === itemId);
  return (result?.files ?? []).map((file) => file.sha256);
}

function picturesOf(
  runner: RunnerUnderTest,
  batchId: string,
  frames: readonly RunnerMessage[],
  itemId: string,
): Promise<Buffer[]> {
  const result = frames.filter(ofType('result')).find((message) => message.id === itemId);
  const files = result?.files ?? [];
  return Promise.all(
    files.map(({ path }) =>
      sharp(join(runner.scratchDir, batchId, path))
        .raw()
        .toBuffer(),
    ),
  );
}

/** The largest difference between two channels of one place. */
function differenceOf(some: readonly Buffer[], others: readonly Buffer[]): number {
  expect(others.map((picture) => picture.byteLength)).toEqual(some.map((picture) => picture.byteLength));
  const [a, b] = [Buffer.concat(some), Buffer.concat(others)];
  return a.reduce((worst, value, index) => Math.max(worst, Math.abs(value - (b[index] ?? 0))), 0);
}

async function adapterOf(path: string): Promise<RunAdapter> {
  return { id: 'adapter_1', path, sha256: sha256Of(await readFile(path)), weight: 1 };
}

function sha256Of(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
