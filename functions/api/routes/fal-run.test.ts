import { describe, expect, it } from 'vitest';
import { openFalScene } from '../dialects/fal/fal-scene.ts';

const path = '/fal/run/pilotlight/fake-chat';
const prompt = 'one two';

describe('200', () => {
  it('answers with what the model made', async () => {
    const scene = await openFalScene();

    const got = await scene.whileWorking(scene.send('falRun', path, { body: { prompt } }));

    const job = await scene.jobOf(got.headers['x-fal-request-id'] ?? '');
    expect(got.json).toEqual({
      output: job.outputs[0]?.text,
      partial: false,
      timings: { inference: (job.timings?.runMs ?? 0) / 1000 },
    });
    expect(job.streamed).toBe(false);
  });
});

describe('422', () => {
  it('is told of input that the model refuses', async () => {
    const got = await (await openFalScene()).send('falRun', path, { body: { prompt, max_tokens: 0 } });

    expect(got.json.detail).toMatchObject([{ loc: ['body', 'max_tokens'] }]);
  });
});

describe('500', () => {
  it('says why a job has no result', async () => {
    const scene = await openFalScene();

    const got = await scene.whileWorking(scene.send('falRun', path, { body: { prompt, fault: 'error' } }));

    expect(got.json).toMatchObject({
      detail: 'The model failed on this input.',
      error: { code: 'job_failed' },
    });
  });
});

describe('504', () => {
  it('is no reason for the client to send it again; the job is canceled', async () => {
    const scene = await openFalScene();

    const got = await scene.send('falRun', path, { body: { prompt }, remainingMs: 1_000 });

    expect(got.headers['x-fal-request-timeout-type']).toBe('user');
    expect(got.json.error).toMatchObject({ code: 'start_timeout', retryable: false });
    expect((await scene.jobs.list('tenant-a', { limit: 1 })).items[0]?.status).toBe('canceled');
  });

  it('also cancels the job of a client that hung up', async () => {
    const scene = await openFalScene();

    await scene.send('falRun', path, { body: { prompt }, gone: AbortSignal.abort() });

    expect((await scene.jobs.list('tenant-a', { limit: 1 })).items[0]?.status).toBe('canceled');
  });
});
