import { describe, expect, it } from 'vitest';
import { fullJob, sampleJob } from '../../samples.ts';
import { acceptedTask, acceptedTaskSchema, presentTask, taskSchema, toSubmission } from './task.ts';

function submissionOf(change: object, task: 'chat' | 'text-to-image' = 'text-to-image') {
  const translated = toSubmission({ prompt: 'a lighthouse', ...change }, 'fake-image', task);
  if (translated.kind === 'invalid') throw new Error(JSON.stringify(translated.details));
  return translated;
}

describe('a prompt by the simple form', () => {
  it('is the input of a job, with what the model may know under its own name', () => {
    expect(submissionOf({ seed: 7, steps: 4, model: 'x' })).toMatchObject({
      model: 'fake-image',
      input: { prompt: 'a lighthouse', seed: 7, steps: 4 },
    });
  });

  it.each([
    [{ width: 512, height: 512 }, { size: 512 }],
    [{ size: 512 }, { size: 512 }],
    [{ size: '512x512' }, { size: 512 }],
    [{ num_inference_steps: 8 }, { steps: 8 }],
  ])('goes by the names that servers of one’s own have: %j', (change, read) => {
    expect(submissionOf(change).input).toEqual({ prompt: 'a lighthouse', ...read });
  });

  it('is a message of the user where the model answers', () => {
    const { input, paramOf } = submissionOf({ max_tokens: 9 }, 'chat');

    expect(input).toEqual({ messages: [{ role: 'user', content: 'a lighthouse' }], max_tokens: 9 });
    expect(paramOf('input.messages.0.content')).toBe('prompt');
  });

  it('names what is at fault by its own names', () => {
    const { paramOf } = submissionOf({ width: 64, height: 64, num_inference_steps: 8 });

    expect(['input.size', 'input.steps', 'input.seed', 'model'].map(paramOf)).toEqual([
      ...['width', 'num_inference_steps', 'seed', 'model'],
    ]);
  });

  it.each([
    [{ width: 512, height: 256 }, 'width'],
    [{ width: 512 }, 'width'],
    [{ size: '512x256' }, 'size'],
    [{ size: 512, width: 512, height: 512 }, 'size'],
    [{ size: 'large' }, 'size'],
    [{ steps: 4, num_inference_steps: 4 }, 'num_inference_steps'],
    [{ prompt: 7 }, 'prompt'],
  ])('is refused by name: %j', (change, path) => {
    expect(toSubmission({ prompt: 'a', ...change }, 'fake-image', null)).toMatchObject({
      kind: 'invalid',
      details: [{ path }],
    });
  });
});

describe('the answer', () => {
  it('says the id, and where to ask', () => {
    const job = sampleJob();
    const answer = acceptedTask(job);

    expect(acceptedTaskSchema.parse(answer)).toEqual({
      task_id: job.jobId,
      status: 'queued',
      status_url: `/status/${job.jobId}`,
    });
  });

  it.each([
    ['queued', 'queued'],
    ['running', 'generating'],
    ['succeeded', 'done'],
    ['failed', 'failed'],
    ['canceled', 'failed'],
    ['expired', 'failed'],
  ] as const)('calls %s %s', (status, called) => {
    expect(presentTask(sampleJob({ status }), []).status).toBe(called);
  });

  it('has the pictures as links, or the text', () => {
    // So quick that nobody wrote how far it was.
    const job = fullJob({ status: 'succeeded', progress: null });
    const picture = {
      type: 'image',
      url: 'https://b.example/0.png',
      contentType: 'image/png',
      bytes: 1,
    } as const;
    const answers = [
      presentTask(job, [{ ...picture, width: 1, height: 1 }]),
      presentTask(job, [{ type: 'text', text: 'hi' }]),
    ];

    for (const answer of answers) expect(taskSchema.parse(answer)).toEqual(answer);
    expect(answers[0]).toMatchObject({ status: 'done', progress: 1, images: ['https://b.example/0.png'] });
    expect(answers[1]).toMatchObject({ text: 'hi' });
    expect(answers[1]).not.toHaveProperty('images');
  });

  it('says why there is nothing', () => {
    const error = {
      code: 'model_error',
      message: 'The model failed on this input.',
      retryable: false,
    } as const;

    expect(presentTask(sampleJob({ status: 'failed', error }), null).error).toBe(error.message);
    expect(presentTask(sampleJob({ status: 'running', error }), null)).not.toHaveProperty('error');
    expect(presentTask(sampleJob({ status: 'succeeded' }), null).error).toMatch(/gone/);
  });
});
