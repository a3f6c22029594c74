import { describe, expect, it } from 'vitest';
import { fullJob, sampleJob } from '../../samples.ts';
import { presentResult, resultSchema } from './result.ts';
import { presentStatus, statusSchema } from './status.ts';

const view = { apiUrl: 'https://api.example/prod', position: 3, logs: true };

describe('a job in fal’s queue', () => {
  it.each([
    ['queued', 'IN_QUEUE'],
    ['running', 'IN_PROGRESS'],
  ] as const)('is, when it is %s, %s', (status, shown) => {
    expect(presentStatus(sampleJob({ status }), view).status).toBe(shown);
  });

  it.each(['succeeded', 'failed', 'canceled', 'expired'] as const)(
    'is, when it is %s, COMPLETED',
    (status) => {
      const job = fullJob({ status, place: { kind: 'done' } });

      const shown = presentStatus(job, view);

      expect(statusSchema.parse(shown)).toEqual(shown);
      expect(shown).toMatchObject({ status: 'COMPLETED', request_id: job.jobId });
    },
  );

  it('says where everything of it is', () => {
    const shown = presentStatus(sampleJob({ status: 'queued', model: 'm' }), view);

    const self = `https://api.example/prod/fal/queue/pilotlight/m/requests/${shown.request_id}`;
    expect(shown).toMatchObject({
      queue_position: 3,
      response_url: self,
      status_url: `${self}/status`,
      cancel_url: `${self}/cancel`,
    });
  });
});

describe('what a job made', () => {
  it('is a list of files, or a text', () => {
    const job = fullJob();
    const file = { type: 'image', url: 'https://b.example/0', contentType: 'image/webp', bytes: 9 } as const;
    const pictures = presentResult(job, [
      { ...file, width: 4, height: 2 },
      { ...file, width: undefined, height: undefined },
    ]);

    expect(resultSchema.parse(pictures)).toEqual(pictures);
    expect(pictures).toMatchObject({
      images: [
        { file_name: '0.webp', file_size: 9, width: 4, height: 2 },
        { file_name: '1.webp', width: null, height: null },
      ],
      seed: job.receipt?.seeds[0],
    });
    expect(presentResult(job, [{ type: 'text', text: 'hi' }])).toMatchObject({
      output: 'hi',
      partial: false,
    });
  });
});
