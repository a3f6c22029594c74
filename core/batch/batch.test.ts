import { describe, expect, it } from 'vitest';
import { batchRunLimits } from '../limits.ts';
import { sampleBatch, sampleNowMs } from '../samples.ts';
import type { BatchStatus } from './batch.ts';
import {
  batchStatuses,
  cancelAsked,
  canceledStop,
  endStatusOf,
  expiredStop,
  isBatchId,
  openLinesMaxOf,
} from './batch.ts';
import { isFileId } from './file.ts';

describe('the lines that a batch may have open', () => {
  it.each([
    ['half of the open jobs', 100, { batches: 1, others: 0 }, 50],
    ['no more than the product allows', 500, { batches: 1, others: 0 }, batchRunLimits.openLinesMax],
    ['one where half would be none', 1, { batches: 1, others: 0 }, 1],
    ['an even part where there are several', 100, { batches: 4, others: 0 }, 12],
    ['what the others have left', 100, { batches: 2, others: 45 }, 5],
    ['none where the others have all', 100, { batches: 2, others: 60 }, 0],
  ])('are %s', (_what, openJobsMax, among, most) => {
    expect(openLinesMaxOf(openJobsMax, among)).toBe(most);
  });
});

describe('cancelling', () => {
  it('ends a batch that nobody has begun, and stops one in progress', () => {
    const ended = cancelAsked(sampleBatch(), sampleNowMs);
    const stopping = cancelAsked(sampleBatch({ status: 'in_progress' }), sampleNowMs);

    expect(ended).toMatchObject({ status: 'cancelled', endedAtMs: sampleNowMs, version: 2 });
    expect(stopping).toMatchObject({ status: 'cancelling', endedAtMs: null, stop: canceledStop });
  });

  it('is too late in every other state', () => {
    const others = batchStatuses.filter((each) => each !== 'validating' && each !== 'in_progress');

    for (const status of others) expect(cancelAsked(sampleBatch({ status }), sampleNowMs)).toBeNull();
  });
});

it.each<[BatchStatus, Parameters<typeof endStatusOf>[0]['stop']]>([
  ['completed', null],
  ['completed', { code: 'budget_exhausted', message: '' }],
  ['expired', expiredStop],
  ['cancelled', canceledStop],
])('a batch ends as %s by what stopped it', (status, stop) => {
  expect(endStatusOf({ stop })).toBe(status);
});

it.each(['', 'batch_', 'x', `batch_${'u'.repeat(26)}`, `batch_${'0'.repeat(27)}`, 'file_../x'])(
  '%j is no id',
  (id) => {
    expect([isBatchId(id), isFileId(id)]).toEqual([false, false]);
  },
);
