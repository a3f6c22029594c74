import { describe, expect, it } from 'vitest';
import { protocolLimits } from '#core/limits.ts';
import type { RunnerMessage } from '../protocol/messages.ts';
import { runnerMessageSchema } from '../protocol/messages.ts';
import { BatchRun } from './batch-run.ts';
import type { Engine } from './engine.ts';

/** The messages of a batch of one item. */
async function sentBy(run: Engine['run']): Promise<RunnerMessage[]> {
  const sent: RunnerMessage[] = [];
  const engine: Engine = {
    name: 'fake',
    versions: {},
    capabilities: { deltas: false, adapters: false },
    load: async () => undefined,
    unload: async () => undefined,
    run,
  };
  const items = [{ id: 'a', params: {}, deadlineMs: null }];
  const batch = {
    type: 'run',
    batchId: 'b',
    model: 'fake',
    revision: '1',
    scratchDir: '/nowhere',
    adapters: [],
    items,
  } as const;
  await new BatchRun({ ...batch, items, adapters: [] }, (message) => sent.push(message)).execute(engine);
  return sent;
}

function failedWith(error: Error): Promise<RunnerMessage[]> {
  return sentBy(() => Promise.reject(error));
}

describe('a preview', () => {
  it.each([
    [protocolLimits.previewCharactersMax * 0.75, 1],
    [protocolLimits.previewCharactersMax * 0.75 + 1, 0],
  ])('of %i bytes is sent %i times: one too large for a frame ends no process', async (bytes, times) => {
    const shape = { contentType: 'image/jpeg', width: 9, height: 9 } as const;
    const sent = await sentBy(async (_, context) => {
      context.progress('a', 2, 8);
      context.preview('a', 2, { body: new Uint8Array(bytes), ...shape });
      context.end('a', { kind: 'succeeded', seeds: [], unknownWords: [], gpuMs: 0 });
    });

    const previews = sent.filter(({ type }) => type === 'preview');
    expect(previews).toHaveLength(times);
    for (const each of previews) expect(runnerMessageSchema.parse(each)).toMatchObject({ step: 2, ...shape });
    expect(sent.at(-1)).toMatchObject({ type: 'result' });
  });
});

describe('an item whose engine throws', () => {
  it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])(
    'may be tried again after %s: the disk was full, not the item at fault',
    async (code) => {
      const error = Object.assign(new Error('no room'), { code });

      expect(await failedWith(error)).toMatchObject([
        { type: 'failed', id: 'a', code: 'INTERNAL', retryable: true },
      ]);
    },
  );

  it('is not tried again after any other fault', async () => {
    expect(await failedWith(new Error('no'))).toMatchObject([
      { id: 'a', code: 'INTERNAL', retryable: false },
    ]);
  });
});
