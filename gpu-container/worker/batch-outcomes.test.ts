import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Log } from '#core/ports/process.ts';
import type { RunBatch } from '#core/ports/runner.ts';
import type { Preview } from '#core/stream/text-piece.ts';
import type { ReadyMessage, RunnerMessage } from '../protocol/messages.ts';
import { collectOutcomes } from './batch-outcomes.ts';

const ready: ReadyMessage = {
  type: 'ready',
  protocol: 1,
  engine: 'fake',
  versions: {},
  capabilities: { deltas: false, adapters: false },
  vramTotalBytes: null,
};

const batch: RunBatch = {
  batchId: 'batch_1',
  model: 'fake',
  revision: '1',
  items: [
    { id: 'a', params: {} },
    { id: 'b', params: {} },
  ],
};

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

function collect(onProgress: (itemId: string) => void = () => undefined) {
  return collectOutcomes(batch, { onProgress }, { ready, scratchDir: tmpdir(), log: silent });
}

function resultOf(id: string): RunnerMessage {
  return { type: 'result', id, files: [], seeds: [], unknownWords: [], gpuMs: 10 };
}

function canceled(id: string): RunnerMessage {
  return { type: 'failed', scope: 'item', id, code: 'CANCELLED', message: '', retryable: false, gpuMs: 3 };
}

describe('the outcomes of a batch', () => {
  it('are the first that came for each item', async () => {
    const outcomes = collect();

    outcomes.receive(resultOf('a'));
    outcomes.receive(canceled('a'));
    outcomes.receive(canceled('b'));
    outcomes.receive(resultOf('b'));
    outcomes.lose(100, 'worker_lost');

    const all = await outcomes.all;
    expect([all.get('a')?.kind, all.get('b')?.kind]).toEqual(['succeeded', 'canceled']);
  });

  it('come with the pieces of texts on their way, for whoever asks for them, and with how a text ended', async () => {
    const told: string[] = [];
    const events = {
      onProgress: () => undefined,
      onDelta: (id: string, text: string) => told.push(`${id}:${text}`),
    };
    const outcomes = collectOutcomes(batch, events, { ready, scratchDir: tmpdir(), log: silent });
    const answer = { finishReason: 'length', promptTokens: 5, completionTokens: 2 } as const;

    outcomes.receive({ type: 'delta', id: 'a', text: 'one ' });
    outcomes.receive({ type: 'delta', id: 'somebody', text: 'no' });
    outcomes.receive({ type: 'delta', id: 'b', text: 'B' });
    outcomes.receive({ type: 'delta', id: 'a', text: 'two' });
    outcomes.receive({ ...resultOf('a'), answer } as RunnerMessage);
    outcomes.receive({ type: 'delta', id: 'a', text: 'late' });
    outcomes.receive(resultOf('b'));

    const all = await outcomes.all;
    expect(told).toEqual(['a:one ', 'b:B', 'a:two']);
    expect([all.get('a'), all.get('b')]).toMatchObject([{ answer }, { kind: 'succeeded' }]);
    expect(all.get('b')).not.toHaveProperty('answer');
  });

  it('come with pictures of what is being drawn, for whoever asks for them, until their item ended', async () => {
    const told: unknown[] = [];
    const events = {
      onProgress: () => undefined,
      onPreview: (id: string, preview: Preview) => told.push([id, preview]),
    };
    const outcomes = collectOutcomes(batch, events, { ready, scratchDir: tmpdir(), log: silent });
    const shape = { contentType: 'image/jpeg', width: 2, height: 1 } as const;
    const preview = (id: string) =>
      ({ type: 'preview', id, step: 4, ...shape, data: btoa('jpeg') }) as RunnerMessage;

    outcomes.receive({ type: 'progress', id: 'a', step: 4, steps: 8 });
    outcomes.receive(preview('a'));
    outcomes.receive(preview('somebody'));
    outcomes.receive(resultOf('a'));
    outcomes.receive(preview('a'));

    expect(told).toEqual([['a', { step: 4, steps: 8, ...shape, body: Buffer.from('jpeg') }]]);
    expect(() => collect().receive(preview('a'))).not.toThrow();
  });

  it('share what a lost batch may have cost between the items that were open', async () => {
    const outcomes = collect();

    outcomes.lose(100, 'worker_lost');

    const all = await outcomes.all;
    expect([...all.values()].map(({ gpuMs }) => gpuMs)).toEqual([50, 50]);
  });

  it('do not change with the failure of another batch', async () => {
    const outcomes = collect();
    const failure = { type: 'failed', scope: 'batch', code: 'OOM', message: '', retryable: true } as const;

    outcomes.receive({ ...failure, batchId: 'batch_0' });
    outcomes.receive(resultOf('a'));
    outcomes.receive({ ...failure, batchId: 'batch_1' });

    const all = await outcomes.all;
    expect([all.get('a')?.kind, all.get('b')?.kind]).toEqual(['succeeded', 'failed']);
  });

  it('refuse a file that is not what its entry says', async () => {
    const outcomes = collect();
    const file = {
      path: 'missing.png',
      contentType: 'image/png',
      bytes: 1,
      sha256: '0'.repeat(64),
      width: 1,
      height: 1,
    };

    outcomes.receive({ type: 'result', id: 'a', files: [file], seeds: [1], unknownWords: [], gpuMs: 10 });
    outcomes.receive(resultOf('b'));

    expect((await outcomes.all).get('a')).toMatchObject({ code: 'model_error', retryable: true, gpuMs: 10 });
  });

  it('bring no progress of an item that has ended, or is of no batch of ours', () => {
    const told: string[] = [];
    const outcomes = collect((id) => told.push(id));

    for (const id of ['a', 'stranger']) outcomes.receive({ type: 'progress', id, step: 1, steps: 2 });
    outcomes.receive(canceled('a'));
    outcomes.receive({ type: 'progress', id: 'a', step: 2, steps: 2 });

    expect(told).toEqual(['a']);
  });
});
