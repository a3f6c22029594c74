import { describe, expect, it } from 'vitest';
import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import { sampleTenant } from '#core/samples.ts';
import { dataOf, openDialectScene } from '../dialects/openai/dialect-scene.ts';

type Scene = Awaited<ReturnType<typeof openDialectScene>>;

const path = '/v1/chat/completions';
const chat = { model: 'fake-chat', messages: [{ role: 'user', content: 'a lighthouse by the sea' }] };

function ask(scene: Scene, change: object = {}, sent: object = {}) {
  return scene.send('createChatCompletion', path, { body: { ...chat, ...change }, ...sent });
}

async function jobsOf(scene: Scene) {
  return (await scene.jobs.list('tenant-a', { limit: 10 })).items;
}

function textOf(text: string): string {
  return dataOf(text)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data).choices?.[0]?.delta?.content ?? '')
    .join('');
}

describe('200', () => {
  it('answers once the job has ended, with its text, its price and what is left of the limits', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { max_tokens: 4, metadata: { order: '17' } }));

    const [job] = await jobsOf(scene);
    expect(got.status).toBe(200);
    expect(got.json).toMatchObject({
      id: job?.jobId.replace('job_', 'chatcmpl-'),
      object: 'chat.completion',
      choices: [{ message: { content: `${job?.jobId} 0 a lighthouse by the sea` }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 },
    });
    expect(got.headers).toMatchObject({ 'x-pilotlight-job-id': job?.jobId });
    expect(Number(got.headers['x-pilotlight-cost-usd'])).toBeGreaterThan(0);
    expect(Number(got.headers['x-ratelimit-remaining-requests'])).toBeGreaterThan(0);
    expect(job).toMatchObject({ metadata: { order: '17' }, streamed: false });
  });

  it('streams the text as it is written, then how it ended, then usage, then that it is done', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(
      ask(scene, { max_tokens: 20, stream: true, stream_options: { include_usage: true } }),
    );

    const [job] = await jobsOf(scene);
    const data = dataOf(got.text);
    const chunks = data.slice(0, -1).map((each) => JSON.parse(each));
    expect(got.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
    expect(textOf(got.text)).toBe(`${job?.jobId} 0 a lighthouse by the sea`);
    expect(chunks.length).toBeGreaterThan(5);
    expect(chunks.at(-2).choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 21 } });
    expect(data.at(-1)).toBe('[DONE]');
    expect(job?.streamed).toBe(true);
  });

  it('streams the answer of a tenant whose files need a key of their own in one piece, out of the file', async () => {
    const tenant = sampleTenant({ overrides: { volume: 'encrypted' } });
    const scene = await openDialectScene({ tenant });

    const got = await scene.whileWorking(ask(scene, { max_tokens: 20, stream: true }));

    const [job] = await jobsOf(scene);
    expect(textOf(got.text)).toBe(`${job?.jobId} 0 a lighthouse by the sea`);
    expect(dataOf(got.text)).toHaveLength(4);
    expect(job?.outputs[0]).not.toHaveProperty('text');
    const from = { attempt: 0, at: 0 };
    expect(await scene.jobEvents.read('tenant-a', job?.jobId ?? '', from, 10)).toEqual([]);
  });

  it('goes on where an attempt that was lost ended, when the next one says the same', async () => {
    const scene = await openDialectScene();
    const following = ask(scene, { stream: true });
    await scene.clock.advance(100);
    const [{ jobId = '' } = {}] = await jobsOf(scene);
    const whole = `${jobId} 0 a lighthouse by the sea`;
    await scene.start(jobId);
    const piece = { attempt: 1, at: 0, isLast: false, toldAtMs: scene.clock.nowMs() };
    await scene.jobEvents.append('tenant-a', jobId, { ...piece, text: whole.slice(0, 10) });
    await scene.clock.advance(60_000);

    const got = await scene.whileWorking(following);

    const [job] = await jobsOf(scene);
    expect(job?.attempt).toBe(2);
    expect(textOf(got.text)).toBe(whole);
    expect(dataOf(got.text).at(-1)).toBe('[DONE]');
  });

  it('ends in an error when the next attempt says something else', async () => {
    const scene = await openDialectScene();
    const following = ask(scene, { stream: true });
    await scene.clock.advance(100);
    const [{ jobId = '' } = {}] = await jobsOf(scene);
    await scene.start(jobId);
    const piece = { attempt: 1, at: 0, isLast: false, toldAtMs: scene.clock.nowMs() };
    await scene.jobEvents.append('tenant-a', jobId, { ...piece, text: 'Once upon' });
    await scene.clock.advance(60_000);

    const got = await scene.whileWorking(following);

    const last = JSON.parse(dataOf(got.text).at(-1) ?? '');
    expect(last.error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(last.error.message).toContain('otherwise');
    expect(last.error.request_id).toBe(got.headers['x-request-id']);
  });

  it('tells in the stream that the job failed', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { stream: true, fault: 'error' }));

    expect(JSON.parse(dataOf(got.text).at(-1) ?? '').error).toMatchObject({ code: 'job_failed' });
    expect(got.text).not.toContain('[DONE]');
  });

  it.each([{ stream: true }, { stream: false }])(
    'cancels the job when its client hangs up, and gives its place back: %j',
    async (change) => {
      const scene = await openDialectScene();
      const gone = new AbortController();
      const asked = scene.sendRaw('POST', path, { body: { ...chat, ...change }, gone: gone.signal });
      await scene.clock.advance(1_000);

      gone.abort();
      await asked;

      expect(await jobsOf(scene)).toMatchObject([{ status: 'canceled' }]);
      expect(scene.clock.nextWakeMs()).toBeNull();
      const place = { max: 1, nowMs: scene.clock.nowMs(), untilMs: scene.clock.nowMs() + 1 };
      expect(await scene.streams.open('tenant-a', 'probe', place)).toBe('opened');
    },
  );

  it('answers for the job of an earlier request with its key, and leaves that job alone', async () => {
    const scene = await openDialectScene();
    const sent = { headers: { 'idempotency-key': 'order-17' } };
    const first = ask(scene, { stream: true }, sent);
    await scene.clock.advance(100);
    const gone = new AbortController();
    const second = scene.sendRaw('POST', path, {
      body: { ...chat, stream: true },
      ...sent,
      gone: gone.signal,
    });
    await scene.clock.advance(100);
    gone.abort();
    await second;

    const got = await scene.whileWorking(first);
    const again = await ask(scene, { stream: true }, sent);

    expect(await jobsOf(scene)).toMatchObject([{ status: 'succeeded' }]);
    expect(textOf(again.text)).toBe(textOf(got.text));
    expect(again.headers['idempotency-replayed']).toBe('true');
  });
});

describe('400', () => {
  it.each([
    [{ temperature: 0.5 }, 'temperature'],
    [{ max_completion_tokens: 1_000 }, 'max_completion_tokens'],
    [{ tools: [{ type: 'function' }] }, 'tools'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://a/b' } }] }] },
      'messages.0.content.0.image_url.url',
    ],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
    [{ not_a_field: 1 }, 'not_a_field'],
    [{ model: 'fake-image' }, 'model'],
  ])('names the parameter at fault by its own name, at no cost: %j', async (change, param) => {
    const scene = await openDialectScene();

    for (const stream of [false, true]) {
      const got = await ask(scene, { ...change, stream });

      expect(got.status).toBe(400);
      expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    }
    expect((await scene.gates.read('tenant-a'))?.open).toEqual({});
    const place = { max: 1, nowMs: scene.clock.nowMs(), untilMs: scene.clock.nowMs() + 1 };
    expect(await scene.streams.open('tenant-a', 'probe', place)).toBe('opened');
  });
});

describe('404', () => {
  it('is for a model that is not there', async () => {
    const got = await ask(await openDialectScene(), { model: 'gpt-5' });

    expect(got.json.error).toMatchObject({ code: 'model_not_found', param: 'model' });
  });
});

describe('429', () => {
  it('is for a limit of the plan, with its headers, and for too many streams', async () => {
    const tenant = sampleTenant({ overrides: { open_jobs_max: 1 } });
    const scene = await openDialectScene({ tenant });
    const first = ask(scene, { stream: true });
    await scene.clock.advance(100);
    const [nowMs, untilMs] = [scene.clock.nowMs(), scene.clock.nowMs() + streamLimits.placeMs];

    const limited = await ask(scene, { stream: true });
    for (let open = 1; open < streamLimits.openMax; open += 1) {
      await scene.streams.open('tenant-a', `open${open}`, { max: streamLimits.openMax, nowMs, untilMs });
    }
    const full = await ask(scene, { stream: true });
    await scene.whileWorking(first);

    expect(limited.json.error).toMatchObject({ code: 'concurrency_limit' });
    expect(limited.headers['retry-after']).toBe('1');
    expect(limited.headers['x-ratelimit-limit-requests']).toBe('600');
    expect(full.json.error.message).toContain('streams');
    expect(await jobsOf(scene)).toHaveLength(1);
  });
});

describe('500', () => {
  it('is for a job that failed, and says not to send it again', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { fault: 'error' }));

    expect(got.status).toBe(500);
    expect(got.json.error).toMatchObject({
      code: 'job_failed',
      message: 'The model failed on this input.',
      retryable: false,
    });
    expect(got.headers['x-should-retry']).toBe('false');
  });
});

describe('503', () => {
  it('is for a job that does not end in time, which is canceled', async () => {
    const scene = await openDialectScene();
    const asked = ask(scene);
    await scene.clock.advance(streamLimits.answerMs + 1_000);

    const got = await asked;

    expect(got.status).toBe(503);
    expect(got.json.error.message).toContain('/v1/jobs');
    expect(got.headers['x-should-retry']).toBe('false');
    expect((await jobsOf(scene)).every(isTerminal)).toBe(true);
  });
});
