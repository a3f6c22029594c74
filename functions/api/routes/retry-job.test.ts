import { describe, expect, it } from 'vitest';
import { jobError } from '#core/job/transitions.ts';
import type { ApiScene } from '../api-scene.ts';
import { createApiScene } from '../api-scene.ts';

/** Ends a job that waits as one that failed. */
async function fail(scene: ApiScene, id: string): Promise<void> {
  const patch = {
    status: 'failed',
    place: { kind: 'done' },
    error: jobError('model_error'),
    finishedAtMs: scene.clock.nowMs(),
  } as const;
  await scene.jobs.apply('tenant-a', id, { attempt: 0, place: 'line' }, patch);
}

async function failedJob() {
  const scene = await createApiScene();
  const id = await scene.submit();
  await fail(scene, id);
  return { scene, id, retry: () => scene.send('retryJob', `/v1/jobs/${id}/retry`) };
}

describe('202', () => {
  it('is a new job that names the one before, and counts as a request', async () => {
    const { scene, id, retry } = await failedJob();

    const got = await retry();

    expect(got.status).toBe(202);
    expect(got.json).toMatchObject({ status: 'queued', retry_of: id, model: 'fake-image' });
    expect(got.json.id).not.toBe(id);
    expect(got.headers.location).toBe(`/v1/jobs/${got.json.id}`);
    expect(got.headers).toHaveProperty('ratelimit');
    expect((await scene.jobOf(id)).status).toBe('failed');
  });

  it('is the same job for whoever asks again', async () => {
    const { retry } = await failedJob();
    const first = await retry();

    const again = await retry();

    expect([again.status, again.json.id]).toEqual([202, first.json.id]);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  it('retries a retry that failed too', async () => {
    const { scene, retry } = await failedJob();
    const { json } = await retry();
    await fail(scene, json.id);

    const next = await scene.send('retryJob', `/v1/jobs/${json.id}/retry`);

    expect(next.json).toMatchObject({ status: 'queued', retry_of: json.id });
  });
});

describe('200', () => {
  it('is a retry that was asked for before and has ended', async () => {
    const { scene, retry } = await failedJob();
    const { json } = await retry();
    await scene.finish(json.id);

    const again = await retry();

    expect([again.status, again.json.status, again.json.id]).toEqual([200, 'succeeded', json.id]);
  });
});

describe('409', () => {
  it('leaves a job alone that waits, or has its result', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const waiting = await scene.send('retryJob', `/v1/jobs/${id}/retry`);
    await scene.finish(id);

    const ended = await scene.send('retryJob', `/v1/jobs/${id}/retry`);

    for (const { status, json } of [waiting, ended]) {
      expect([status, json.error.code]).toEqual([409, 'conflict']);
      expect(json.error.message).toBe('Only a job that failed or expired can be retried.');
    }
  });
});
