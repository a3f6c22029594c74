/** What the suite of every engine asks of batches; see `engine.contract.ts`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunnerMessage } from '../protocol/messages.ts';
import type { ModelScene } from './contract-scene.ts';
import { progressOf, sha256Of } from './contract-scene.ts';
import type { RunnerUnderTest } from './runner-under-test.ts';
import { endOf, ofType } from './runner-under-test.ts';

export function describeBatches({ name, sample, shared, batchOf }: ModelScene): void {
  const { model, makes = 'pictures', quick, quickSteps, slow, invalid } = sample;
  const { batchTolerance = 0, previews = [], previewed = quick, adapters } = sample;

  describe(`${name} engine: batches`, () => {
    let runner: RunnerUnderTest;
    beforeAll(() => {
      runner = shared();
    });

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
