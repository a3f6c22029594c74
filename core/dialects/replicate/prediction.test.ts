import { describe, expect, it } from 'vitest';
import type { JobRecord } from '../../job/job.ts';
import { fullJob, sampleJob } from '../../samples.ts';
import { versionIdOf } from './names.ts';
import { asSubmitted, predictionSchema, presentPrediction } from './prediction.ts';

const apiUrl = 'https://api.example/prod';
const link = 'https://bucket.example/0.png';
const image = { type: 'image', url: link, contentType: 'image/png', bytes: 1, width: 1, height: 1 } as const;

function presented(
  change: Partial<JobRecord> = {},
  outputs: Parameters<typeof presentPrediction>[1]['outputs'] = null,
) {
  return presentPrediction(sampleJob(change), { outputs, apiUrl, streamUrl: `${apiUrl}/stream` });
}

describe('a job as a prediction', () => {
  it('has the form of the schema, with its own links absolute', () => {
    const job = fullJob({ status: 'succeeded' });
    const prediction = presentPrediction(job, { outputs: [image], apiUrl, streamUrl: null });

    expect(predictionSchema.parse(prediction)).toEqual(prediction);
    expect(prediction).toMatchObject({
      id: job.jobId,
      model: `pilotlight/${job.model}`,
      version: versionIdOf({ id: job.model, revision: job.modelRevision }),
      status: 'succeeded',
      output: [link],
      metrics: { predict_time: (job.timings?.runMs ?? 0) / 1000 },
      urls: { cancel: `${apiUrl}/replicate/v1/predictions/${job.jobId}/cancel` },
    });
    expect(prediction.urls).not.toHaveProperty('stream');
  });

  it.each([
    ['queued', 'starting'],
    ['running', 'processing'],
    ['succeeded', 'succeeded'],
    ['failed', 'failed'],
    ['canceled', 'canceled'],
    ['expired', 'failed'],
  ] as const)('is, when it is %s, %s', (status, shown) => {
    expect(presented({ status }).status).toBe(shown);
  });

  it('says of a text what it is', () => {
    expect(presented({ status: 'succeeded' }, [{ type: 'text', text: 'hi' }]).output).toEqual(['hi']);
  });

  it.each([
    [null, ''],
    [{ step: 0, steps: 4 }, '0%|          | 0/4'],
    [{ step: 1, steps: 3 }, '33%|███       | 1/3'],
    [{ step: 4, steps: 4 }, '100%|██████████| 4/4'],
    [{ step: 0, steps: 0 }, ''],
  ])('with the progress %j has the log %j', (progress, logs) => {
    expect(presented({ progress }).logs).toBe(logs);
  });

  it('in the answer to its submission starts until it has ended', () => {
    const statuses = (['queued', 'running', 'succeeded', 'failed', 'canceled'] as const).map(
      (status) => asSubmitted(presented({ status })).status,
    );

    expect(statuses).toEqual(['starting', 'starting', 'succeeded', 'failed', 'canceled']);
  });
});
