import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('302', () => {
  it('redirects to a link that works for 15 minutes', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);
    const asked: unknown[] = [];
    const blobs = {
      ...scene.blobs,
      link: (...ask: [string, string, number]) => {
        asked.push(ask);
        return scene.blobs.link(...ask);
      },
    };
    const linking = await createApiScene({ change: { ...scene, blobs: { ...scene.blobs, ...blobs } } });

    const got = await linking.send('getJobOutput', `/v1/jobs/${id}/output/0`, { key: scene.key });

    expect([got.status, got.text]).toEqual([302, '']);
    expect(got.headers.location).toBe(`data:image/png;base64,${Buffer.from('picture').toString('base64')}`);
    expect(got.headers['cache-control']).toBe('no-store');
    expect(asked).toEqual([['tenant-a', `jobs/${id}/1/0.png`, 900]]);
  });
});

describe('302, near the end of the retention', () => {
  it('redirects to a link that ends when the files do', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ overrides: { retention_days: 1 } }) });
    const id = await scene.submit();
    await scene.finish(id);
    await scene.clock.advance(86_400_000 - 60_000);
    const asked: number[] = [];
    const blobs = {
      ...scene.blobs,
      link: (...ask: [string, string, number]) => {
        asked.push(ask[2]);
        return scene.blobs.link(...ask);
      },
    };
    const linking = await createApiScene({ change: { ...scene, blobs: { ...scene.blobs, ...blobs } } });

    const got = await linking.send('getJobOutput', `/v1/jobs/${id}/output/0`, { key: scene.key });

    expect(got.status).toBe(302);
    expect(asked).toEqual([60]);
  });
});

describe('404', () => {
  it('has neither job nor output past the retention', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ overrides: { retention_days: 1 } }) });
    const id = await scene.submit();
    await scene.finish(id);
    await scene.clock.advance(86_400_000);

    const answers = [
      await scene.send('getJobOutput', `/v1/jobs/${id}/output/0`),
      await scene.send('getJob', `/v1/jobs/${id}`),
    ];

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    expect((await scene.send('listJobs', '/v1/jobs')).json.data).toEqual([]);
  });

  it.each(['1', '-1', '01', '0.0', '1e0', 'x', '99999'])('has no output %s', async (n) => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    expect((await scene.send('getJobOutput', `/v1/jobs/${id}/output/${n}`)).json.error.code).toBe(
      'not_found',
    );
  });

  it('has no output of a job that waits, and says so as for a job that is not there', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const headers = { 'x-request-id': 'same-for-all' };

    const waiting = await scene.send('getJobOutput', `/v1/jobs/${id}/output/0`, { headers });
    const missing = await scene.send('getJobOutput', '/v1/jobs/nothing/output/0', { headers });

    expect(waiting).toEqual(missing);
  });

  it('does not lead to the output of another tenant', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));

    expect((await scene.send('getJobOutput', `/v1/jobs/${id}/output/0`, { key })).status).toBe(404);
  });
});
