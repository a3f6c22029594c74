import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('ends a job that waits, free of charge', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const got = await scene.send('cancelJob', `/v1/jobs/${id}/cancel`);

    expect(got.json).toMatchObject({ id, status: 'canceled', error: { code: 'canceled' } });
    expect(got.headers['x-pilotlight-cost-usd']).toBe('0');
    expect((await scene.gates.read('tenant-a'))?.open).toEqual({});
  });

  it('marks a job that runs, and answers the same when asked again', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.start(id);

    const first = await scene.send('cancelJob', `/v1/jobs/${id}/cancel`, { body: {} });
    const second = await scene.send('cancelJob', `/v1/jobs/${id}/cancel`);

    expect(first.json.status).toBe('running');
    expect(second.json).toEqual(first.json);
    expect((await scene.jobOf(id)).cancelRequestedAtMs).toBe(scene.clock.nowMs());
  });

  it('leaves a job that has ended as it is', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    expect((await scene.send('cancelJob', `/v1/jobs/${id}/cancel`)).json.status).toBe('succeeded');
  });
});

describe('400', () => {
  it('refuses a body, which would say nothing to us', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const got = await scene.send('cancelJob', `/v1/jobs/${id}/cancel`, { body: { reason: 'late' } });

    expect(got.json.error.details).toEqual([{ path: 'reason', message: 'is not a known field' }]);
  });
});

describe('403', () => {
  it('asks for the scope to write', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const key = await scene.addKey('tenant-a', ['jobs:read']);

    const got = await scene.send('cancelJob', `/v1/jobs/${id}/cancel`, { key });

    expect(got.json.error).toMatchObject({ code: 'missing_scope' });
    expect(got.json.error.message).toContain('jobs:write');
  });
});

describe('404', () => {
  it('answers the same bytes for a missing, a foreign and a malformed id, and changes nothing', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const headers = { 'x-request-id': 'same-for-all' };

    const answers = await Promise.all(
      [id, 'job_00000000000000000000000009', 'nothing'].map((each) =>
        scene.send('cancelJob', `/v1/jobs/${each}/cancel`, { key, headers }),
      ),
    );

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
    expect((await scene.jobOf(id)).status).toBe('queued');
  });
});

describe('409', () => {
  it('asks to try again when the job keeps moving', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const jobs: typeof scene.jobs = { ...scene.jobs, apply: async () => ({ kind: 'refused' }) };
    const moving = await createApiScene({ change: { ...scene, jobs } });

    const got = await moving.send('cancelJob', `/v1/jobs/${id}/cancel`, { key: scene.key });

    expect(got.json.error.code).toBe('conflict');
    expect(got.headers['retry-after']).toBe('1');
  });
});
