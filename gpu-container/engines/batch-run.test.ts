import { describe, expect, it } from 'vitest';
import type { RunnerMessage } from '../protocol/messages.ts';
import { BatchRun } from './batch-run.ts';
import type { Engine } from './engine.ts';

/** The messages of a batch of one item, whose engine throws. */
async function failedWith(error: Error): Promise<RunnerMessage[]> {
  const sent: RunnerMessage[] = [];
  const engine: Engine = {
    name: 'fake',
    versions: {},
    capabilities: { deltas: false, adapters: false },
    load: async () => undefined,
    unload: async () => undefined,
    run: () => Promise.reject(error),
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
