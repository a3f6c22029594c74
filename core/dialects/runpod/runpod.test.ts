import { describe, expect, it } from 'vitest';
import { jobErrors } from '../../errors.ts';
import { fullJob, sampleJob } from '../../samples.ts';
import { endEvents } from '../../webhook/event.ts';
import { presentRunpodJob, runpodJobSchema, runpodStatusOf } from './job.ts';
import { runpodRequestSchema, toSubmission } from './request.ts';

const input = { prompt: 'a lighthouse' };

function submissionOf(change: object, task: 'chat' | 'text-to-image' | null = 'text-to-image') {
  const request = runpodRequestSchema.parse({ input, ...change });
  return toSubmission({ request, endpoint: 'fake-image', task });
}

describe('a job in RunPod’s words', () => {
  it('is the input of a job of the endpoint’s model', () => {
    expect(submissionOf({})).toMatchObject({
      model: 'fake-image',
      input,
      class: null,
      runMsMax: null,
      webhook: null,
    });
  });

  it.each([
    ['chat', true],
    ['text-to-image', false],
    [null, true],
  ] as const)('may be followed where it writes: %s', (task, stream) => {
    expect(submissionOf({}, task).stream).toBe(stream);
  });

  it('has times in milliseconds, and may give way to others', () => {
    const policy = { executionTimeout: 60_000, ttl: 90_500, lowPriority: true };

    expect(submissionOf({ policy })).toMatchObject({ runMsMax: 60_000, deadlineSeconds: 91, class: 'batch' });
  });

  it('is told of at its end, in RunPod’s words', () => {
    expect(submissionOf({ webhook: 'https://hooks.example/a' }).webhook).toEqual({
      url: 'https://hooks.example/a',
      events: endEvents,
      form: { dialect: 'runpod' },
    });
  });

  it('names what is at fault by its own names', () => {
    const { paramOf } = submissionOf({});

    expect(['webhook.url', 'model', 'input.steps'].map(paramOf)).toEqual([
      'webhook',
      'endpoint',
      'input.steps',
    ]);
  });

  it.each([
    [{ input: 'text' }],
    [{ input, s3Config: { bucketName: 'b' } }],
    [{ input, policy: { executionTimeout: 4_999 } }],
    [{ input, policy: { ttl: 9_999 } }],
    [{ input, policy: { ttl: 8 * 24 * 60 * 60 * 1000 } }],
    [{ input, policy: { retries: 3 } }],
  ])('is refused where it is not of the form: %j', (body) => {
    expect(runpodRequestSchema.safeParse(body).success).toBe(false);
  });
});

describe('the answer', () => {
  it.each([
    ['queued', null, 'IN_QUEUE'],
    ['running', null, 'IN_PROGRESS'],
    ['succeeded', null, 'COMPLETED'],
    ['failed', 'model_error', 'FAILED'],
    ['canceled', 'canceled', 'CANCELLED'],
    ['canceled', 'run_too_long', 'TIMED_OUT'],
    ['expired', 'deadline_exceeded', 'TIMED_OUT'],
  ] as const)('calls %s (%s) %s', (status, code, called) => {
    const error = code === null ? null : { code, message: jobErrors[code].text, retryable: false };

    expect(runpodStatusOf({ status, error })).toBe(called);
  });

  it('of one that waits says nothing but that', () => {
    const job = sampleJob();

    expect(presentRunpodJob(job)).toEqual({ id: job.jobId, status: 'IN_QUEUE' });
  });

  it('of one that succeeded has its times and the native output', () => {
    const job = fullJob({ status: 'succeeded', createdAtMs: 1_000, startedAtMs: 1_500, finishedAtMs: 2_250 });
    const answer = presentRunpodJob(job);

    expect(runpodJobSchema.parse(answer)).toEqual(answer);
    expect(answer).toMatchObject({
      status: 'COMPLETED',
      delayTime: 500,
      executionTime: 750,
    });
    expect(answer.output?.[0]?.url).toBe(`/v1/jobs/${job.jobId}/output/0`);
  });

  it.each([
    ['failed', 'model_error', 'The model failed on this input.'],
    ['canceled', 'run_too_long', 'The job ran longer than its request allows, and was stopped.'],
    ['canceled', 'canceled', undefined],
  ] as const)('of one that is %s (%s) says why', (status, code, why) => {
    const error = { code, message: jobErrors[code].text, retryable: false };
    const answer = presentRunpodJob(sampleJob({ status, place: { kind: 'done' }, error }));

    expect(answer.error).toBe(why);
    expect(answer).not.toHaveProperty('output');
  });
});
