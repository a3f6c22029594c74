import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readManifests } from '#aws/manifest-files.ts';
import type { Line } from './gpu-report.ts';
import { lineSchema, reportOf } from './gpu-report.ts';

const manifests = await readManifests(join(import.meta.dirname, '..', 'gpu-container', 'models'));

const card = { what: 'card', name: 'NVIDIA L40S', tiny: false } as const;
const cold = {
  what: 'cold start',
  model: 'z-image-turbo',
  readMs: 9_000.4,
  firstPictureMs: 800,
  weightsMb: 20_400,
};
const pictures = {
  ...{ what: 'pictures', model: 'z-image-turbo', size: 512, batch: 4, perSecond: 2, plainPerSecond: 2 },
  ...{ ofPlain: 1, busy: 0.98, peakMb: 16_000 },
};
const adapters = { what: 'adapters', fileMb: 40, loadMs: 700, swapMs: 20, offMs: 3 };
const chats = {
  ...{
    what: 'chats',
    model: 'qwen3-vl-8b',
    together: 16,
    inCall: 8,
    requestsPerSecond: 3,
    tokensPerSecond: 400,
  },
  ...{ ofOneByOne: 5, busy: 0.97, peakMb: 9_000 },
};

function report(...lines: readonly object[]) {
  return reportOf(
    lines.map((line): Line => lineSchema.parse(JSON.parse(JSON.stringify(line)))),
    manifests,
  );
}

describe('lines of a card that is as the manifests say', () => {
  const { rows, failures } = report(card, cold, pictures, adapters, chats);

  it('break no bar', () => {
    expect(failures).toEqual([]);
  });

  it('are rows with what was measured beside what was predicted', () => {
    expect(rows).toContainEqual({
      ...{ what: 'z-image-turbo, 512 px, 4 in a call', figure: '2.00 pictures/s' },
      ...{
        beside: "1.000 of the plain loop's 2.00",
        busy: '0.980',
        'peak MB': '16000',
        'predicted MB': 16_000,
      },
    });
    expect(rows).toContainEqual({
      ...{ what: 'qwen3-vl-8b, 16 chats at once, 8 in a call', figure: '3.00 requests/s, 400 tokens/s' },
      ...{ beside: '5.00 of one by one', busy: '0.970', 'peak MB': '9000', 'predicted MB': 48_000 },
    });
    expect(rows).toContainEqual(
      expect.objectContaining({
        what: 'z-image-turbo, weights',
        figure: '20400 MB',
        beside: '20500 of the manifest',
      }),
    );
    expect(rows.map(({ what }) => what)).toContain('adapters, swapMs');
  });

  it('have the same columns', () => {
    expect(new Set(rows.map((row) => Object.keys(row).join()))).toEqual(
      new Set(['what,figure,beside,busy,peak MB,predicted MB']),
    );
  });
});

describe('a bar is broken by', () => {
  it.each([
    ['a runner slower than the plain loop', { ...pictures, ofPlain: 0.9 }, '0.900 of the plain loop'],
    ['a card that idles between pictures', { ...pictures, busy: 0.9 }, 'busy 0.900'],
    ['pictures that take more', { ...pictures, peakMb: 20_000 }, 'took 20000 MB, and 16000 were predicted'],
    ['pictures that take much less', { ...pictures, peakMb: 8_000 }, 'took 8000 MB'],
    [
      'those of the model for 24 GB, by its own rows',
      { ...pictures, model: 'z-image-turbo-24gb' },
      'z-image-turbo-24gb, 512 px, 4 in a call: took 16000 MB, and 2130 were predicted',
    ],
    [
      'a card that idles between tokens',
      { ...chats, busy: 0.5 },
      'qwen3-vl-8b, 16 chats at once, 8 in a call: busy',
    ],
    [
      'answers that take more than planned',
      { ...chats, peakMb: 60_000 },
      'took 60000 MB, and 48000 were predicted',
    ],
    [
      'weights that take more',
      { ...cold, weightsMb: 24_000 },
      'z-image-turbo, weights: took 24000 MB, and 20500',
    ],
    ['a slow swap of adapters', { ...adapters, swapMs: 101 }, 'a swap took 101 ms'],
  ])('%s', (_, line, said) => {
    const { failures } = report(card, line);

    expect(failures).toHaveLength(1);
    expect(failures[0]).toContain(said);
  });

  it('nothing of tiny models, whose memory is not known', () => {
    const unknown = { busy: null, peakMb: null };
    const lines = [
      { ...pictures, ...unknown, size: 32, ofPlain: 0.1 },
      { ...cold, weightsMb: null },
    ];

    expect(report({ ...card, tiny: true }, ...lines).failures).toEqual([]);
  });
});

it('without a card there is one row, which says so', () => {
  const none = { what: 'card', name: null, reason: 'no card that torch can use is here' };

  expect(report(none)).toEqual({ rows: [{ gpu: 'none here: not measured' }], failures: [] });
});
