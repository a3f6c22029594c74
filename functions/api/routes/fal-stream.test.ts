import { describe, expect, it } from 'vitest';
import { streamLimits } from '#core/limits.ts';
import type { Got } from '../api-scene.ts';
import type { FalScene } from '../dialects/fal/fal-scene.ts';
import { openFalScene } from '../dialects/fal/fal-scene.ts';
import { dataOf } from '../dialects/openai/dialect-scene.ts';

function stream(scene: FalScene, input: object, gone?: AbortSignal): Promise<Got> {
  const body = { prompt: 'one two three', ...input };
  return scene.send('falStream', '/fal/run/pilotlight/fake-chat/stream', {
    body,
    ...(gone === undefined ? {} : { gone }),
  });
}

describe('200', () => {
  it('tells the text so far, more of it each time, and the result', async () => {
    const scene = await openFalScene();

    const got = await scene.whileWorking(stream(scene, {}));

    const told = dataOf(got.text).map((data) => JSON.parse(data));
    const job = await scene.jobOf(got.headers['x-fal-request-id'] ?? '');
    const text = job.outputs[0]?.text ?? '';
    expect(told.length).toBeGreaterThan(2);
    for (const { output } of told) expect(text.startsWith(output)).toBe(true);
    expect(told.map(({ partial }) => partial)).toEqual([...told.slice(1).map(() => true), false]);
    expect(told.at(-1).output).toBe(text);
  });

  it('tells why there is no result', async () => {
    const scene = await openFalScene();

    const got = await scene.whileWorking(stream(scene, { fault: 'error' }));

    const last = JSON.parse(dataOf(got.text).at(-1) ?? '');
    expect(last.error).toMatchObject({ code: 'job_failed', message: 'The model failed on this input.' });
  });

  it('ends in an error when the next attempt writes something else', async () => {
    const scene = await openFalScene();
    const following = stream(scene, {});
    await scene.clock.advance(100);
    const [{ jobId = '' } = {}] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    await scene.start(jobId);
    const piece = { attempt: 1, at: 0, isLast: false, toldAtMs: scene.clock.nowMs() };
    await scene.jobEvents.append('tenant-a', jobId, { ...piece, text: 'Once upon' });
    await scene.clock.advance(60_000);

    const told = dataOf((await scene.whileWorking(following)).text).map((data) => JSON.parse(data));

    expect(told).toMatchObject([{ output: 'Once upon', partial: true }, { error: { code: 'unavailable' } }]);
  });

  it('cancels its job when the reader goes', async () => {
    const scene = await openFalScene();

    const { headers } = await stream(scene, {}, AbortSignal.abort());

    expect((await scene.jobOf(headers['x-fal-request-id'] ?? '')).status).toBe('canceled');
  });
});

describe('429', () => {
  it('takes no job for a stream that has no place', async () => {
    const scene = await openFalScene();
    const nowMs = scene.clock.nowMs();
    const place = { max: streamLimits.openMax, nowMs, untilMs: nowMs + streamLimits.placeMs };
    for (let count = 0; count < streamLimits.openMax; count += 1) {
      await scene.streams.open('tenant-a', `s-${count}`, place);
    }

    expect((await stream(scene, {})).json.error.code).toBe('concurrency_limit');
    expect((await scene.jobs.list('tenant-a', { limit: 1 })).items).toEqual([]);
  });
});

describe('422', () => {
  it('gives the place back where nothing was accepted', async () => {
    const scene = await openFalScene();

    for (let count = 0; count <= streamLimits.openMax; count += 1) {
      expect((await stream(scene, { max_tokens: 0 })).status).toBe(422);
    }
  });
});
