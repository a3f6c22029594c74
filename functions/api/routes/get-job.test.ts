import { describe, expect, it } from 'vitest';
import { etaLimits, workerLimits } from '#core/limits.ts';
import { sampleJob, sampleTenant, sampleWorker } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('answers with a job that waits, and when to look again', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const got = await scene.send('getJob', `/v1/jobs/${id}`);

    expect(got.json).toMatchObject({ id, status: 'queued', wait: { reason: 'starting_worker' } });
    expect(got.headers).toMatchObject({ 'retry-after': '1', 'x-pilotlight-job-id': id });
  });

  it('says that a job waits behind others when its pool serves, how many, and when it may start', async () => {
    const scene = await createApiScene();
    await scene.start(await scene.submit());
    await scene.submit();
    await scene.submit({ prompt: 'b', steps: 3 });
    const id = await scene.submit({ prompt: 'c', steps: 4 });
    const nowMs = scene.clock.nowMs();
    await scene.pools.move('fake', ['waking'], 'warm', nowMs);
    await scene.workers.report(sampleWorker({ pool: 'fake', reportedAtMs: nowMs }));
    await scene.clock.advance(etaLimits.lookMs);

    const { wait, deadline_at } = (await scene.send('getJob', `/v1/jobs/${id}`)).json;

    expect(wait).toMatchObject({ reason: 'behind_others', position: 2, position_exact: true });
    expect(wait).not.toHaveProperty('phase');
    const times = [wait.eta.start_at, wait.eta.start_at_p90, deadline_at].map(Date.parse);
    expect(times).toEqual(times.toSorted((left, right) => left - right));
    expect(times[0]).toBeGreaterThan(scene.clock.nowMs());
    expect(Date.parse(wait.eta.finish_at)).toBeGreaterThan(Number(times[0]));
    expect(wait.eta.may_expire).toBe(false);
  });

  it('says how far the worker is that was woken', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.clock.advance(20_000);

    const { wait } = (await scene.send('getJob', `/v1/jobs/${id}`)).json;

    expect(wait).toMatchObject({ reason: 'starting_worker', position: 0 });
    expect(wait.phase).toEqual({ name: 'starting', elapsed_s: 20, expected_s: etaLimits.wakeMs / 1000 });
    expect(Date.parse(wait.eta.start_at) - scene.clock.nowMs()).toBe(etaLimits.wakeMs - 20_000);
  });

  it('says that a model is loading when that is what all workers do', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const nowMs = scene.clock.nowMs();
    await scene.pools.move('fake', ['waking'], 'warm', nowMs);
    const loading = { phase: 'loading', phaseSinceMs: nowMs, reportedAtMs: nowMs } as const;
    await scene.workers.report(sampleWorker({ pool: 'fake', ...loading }));
    await scene.clock.advance(etaLimits.lookMs);

    const { wait } = (await scene.send('getJob', `/v1/jobs/${id}`)).json;

    expect(wait).toMatchObject({ reason: 'loading_model', phase: { name: 'loading', elapsed_s: 1 } });
  });

  it('says that the workers are not heard of once they have been silent for too long', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const nowMs = scene.clock.nowMs();
    await scene.pools.move('fake', ['waking'], 'warm', nowMs);
    await scene.workers.report(sampleWorker({ pool: 'fake', reportedAtMs: nowMs }));
    await scene.clock.advance(workerLimits.silentMs + 1_000);

    const { wait } = (await scene.send('getJob', `/v1/jobs/${id}`)).json;

    expect(wait.reason).toBe('worker_unhealthy');
  });

  it('says that a job may expire when it is not sure to start before its deadline', async () => {
    const scene = await createApiScene();
    const body = { model: 'fake-image', input: { prompt: 'a' }, deadline_s: 90 };
    const { id } = (await scene.send('submitJob', '/v1/jobs', { body })).json;

    const { wait } = (await scene.send('getJob', `/v1/jobs/${id}`)).json;

    expect(wait.eta.may_expire).toBe(true);
  });

  it('shows a job of before there were estimates as any other', async () => {
    const scene = await createApiScene();
    const record = sampleJob({ tenantId: 'tenant-a', pool: 'fake', toldStart: null });
    await scene.jobs.create(record);

    const { wait } = (await scene.send('getJob', `/v1/jobs/${record.jobId}`)).json;

    expect(wait).toMatchObject({ reason: 'starting_worker', position: 0 });
  });

  it('reads no pool for a job that runs', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.start(id);
    const pools = { ...scene.pools, read: async () => Promise.reject(new Error('not to be read')) };
    const other = await createApiScene({ change: { ...scene, pools } });

    const got = await other.send('getJob', `/v1/jobs/${id}`, { key: scene.key });

    expect(got.json).toMatchObject({ status: 'running', wait: null });
  });

  it('answers with the result and its cost once the job has ended', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    const got = await scene.send('getJob', `/v1/jobs/${id}?wait=60`);

    expect(got.json).toMatchObject({ status: 'succeeded', output: [{ url: `/v1/jobs/${id}/output/0` }] });
    expect(got.headers['x-pilotlight-cost-usd']).toBe('0.00125');
    expect(got.headers).not.toHaveProperty('retry-after');
  });

  it('waits for the end of the job, looking in growing steps', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const answer = scene.send('getJob', `/v1/jobs/${id}`, { headers: { prefer: 'wait' } });
    await scene.clock.advance(40 + 80 + 160 + 320);
    expect(scene.clock.nextWakeMs()).toBe(scene.clock.nowMs() + 500);
    await scene.finish(id);
    await scene.clock.advance(500);

    expect((await answer).json.status).toBe('succeeded');
    expect((await answer).headers['preference-applied']).toBe('wait');
  });

  it('answers with the job as it is when the wait is over', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const answer = scene.send('getJob', `/v1/jobs/${id}?wait=1`);
    await scene.clock.advance(1_000);

    expect((await answer).json.status).toBe('queued');
    expect(scene.clock.nextWakeMs()).toBeNull();
  });

  it('gives another ETag once the job has changed', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const before = await scene.send('getJob', `/v1/jobs/${id}`);
    await scene.start(id);

    const after = await scene.send('getJob', `/v1/jobs/${id}`, {
      headers: { 'If-None-Match': String(before.headers.etag) },
    });

    expect(after.status).toBe(200);
    expect(after.headers.etag).not.toBe(before.headers.etag);
  });
});

describe('304', () => {
  it.each([(tag: string) => tag, (tag: string) => `"other", ${tag.replace('W/', '')}`, () => '*'])(
    'answers without a body when the caller has seen the job',
    async (form) => {
      const scene = await createApiScene();
      const id = await scene.submit();
      const { headers } = await scene.send('getJob', `/v1/jobs/${id}`);

      const got = await scene.send('getJob', `/v1/jobs/${id}`, {
        headers: { 'If-None-Match': form(String(headers.etag)) },
      });

      expect([got.status, got.text]).toEqual([304, '']);
      expect(got.headers).toMatchObject({ etag: headers.etag, 'retry-after': '1' });
    },
  );

  it('is decided at the end of a wait', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const { headers } = await scene.send('getJob', `/v1/jobs/${id}`);
    const ask = () =>
      scene.send('getJob', `/v1/jobs/${id}?wait=5`, {
        headers: { 'if-none-match': String(headers.etag) },
      });

    const unchanged = ask();
    await scene.clock.advance(5_000);
    const changed = ask();
    await scene.finish(id);
    await scene.clock.advance(5_000);

    expect([(await unchanged).status, (await changed).status]).toEqual([304, 200]);
  });
});

describe('400', () => {
  it('refuses an unknown query name and a wait above the maximum', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    expect((await scene.send('getJob', `/v1/jobs/${id}?timeout=5`)).status).toBe(400);
    expect((await scene.send('getJob', `/v1/jobs/${id}?wait=61`)).status).toBe(400);
  });
});

describe('404', () => {
  it('answers the same bytes after the same reads for a missing, a foreign and a malformed id', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const reads: string[] = [];
    const jobs: typeof scene.jobs = {
      ...scene.jobs,
      get: (tenantId, jobId, how) => {
        reads.push(`${tenantId} ${how?.consistent === true}`);
        return scene.jobs.get(tenantId, jobId, how);
      },
    };
    const counting = await createApiScene({ change: { ...scene, jobs } });
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const headers = { 'x-request-id': 'same-for-all' };
    const ids = [id, 'job_00000000000000000000000009', 'job_1', 'JOB#1', '..', '%2e%2e', 'a'.repeat(3_000)];

    const answers = await Promise.all(
      ids.map((each) => counting.send('getJob', `/v1/jobs/${each}?wait=60`, { key, headers })),
    );

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.status).toBe(404);
    expect(reads).toEqual(ids.map(() => 'tenant-b true'));
  });
});
