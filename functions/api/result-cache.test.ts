/** The result cache over the real route. */
import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import type { ApiScene, Sent } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

const on: TenantRecord['overrides'] = { result_cache: 'on' };
const body = { model: 'fake-image', input: { prompt: 'a lighthouse', seed: 7 } };

function openScene(overrides = on): Promise<ApiScene> {
  return createApiScene({ tenant: sampleTenant({ overrides }) });
}

function submit(scene: ApiScene, change: object = {}, sent: Sent = {}) {
  return scene.send('submitJob', '/v1/jobs', { body: { ...body, ...change }, ...sent });
}

/** The id of a job with a kept result. */
async function made(scene: ApiScene): Promise<string> {
  const { id } = (await submit(scene)).json;
  await scene.finish(id);
  return id;
}

describe('200', () => {
  it('answers with the result that was made before, and says so', async () => {
    const scene = await openScene();
    const first = await made(scene);

    const got = await submit(scene, { metadata: { order: '18' } });

    expect(got.status).toBe(200);
    expect(got.json).toMatchObject({
      status: 'succeeded',
      metadata: { order: '18' },
      cost: { usd_micros: 0 },
      usage: { gpu_ms: 0, images: 0 },
      receipt: { cached_from: first },
      wait: null,
    });
    expect(got.headers).toMatchObject({ 'x-pilotlight-cache': 'hit', 'x-pilotlight-cost-usd': '0' });
    expect(got.json.id).not.toBe(first);
  });

  it('is a job like any other: read, listed, with a link to its picture, and not to be canceled', async () => {
    const scene = await openScene();
    const first = await made(scene);
    const { id } = (await submit(scene)).json;

    expect((await scene.send('getJob', `/v1/jobs/${id}`)).json.receipt.cached_from).toBe(first);
    expect((await scene.send('getJob', `/v1/jobs/${first}`)).json.receipt.cached_from).toBeNull();
    const list = (await scene.send('listJobs', '/v1/jobs?status=succeeded')).json.data;
    expect(list.map((job: { id: string }) => job.id).toSorted()).toEqual([first, id].toSorted());
    const links = await Promise.all(
      [first, id].map((job) => scene.send('getJobOutput', `/v1/jobs/${job}/output/0`)),
    );
    expect(links[1]?.headers.location).toBe(links[0]?.headers.location);
    expect((await scene.send('cancelJob', `/v1/jobs/${id}/cancel`)).json.status).toBe('succeeded');
  });

  it('is told again under its Idempotency-Key, as a hit', async () => {
    const scene = await openScene();
    await made(scene);
    const headers = { 'Idempotency-Key': 'order-18' };
    const first = await submit(scene, {}, { headers });

    const again = await submit(scene, {}, { headers });

    expect(again.json).toEqual(first.json);
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', 'x-pilotlight-cache': 'hit' });
  });

  it('counts as a job and as nothing made in the usage of the tenant', async () => {
    const scene = await openScene();
    await made(scene);
    const key = await scene.addKey('tenant-a', ['usage:read']);
    const path = '/v1/usage?from=2030-03-17&to=2030-03-17';
    const before = (await scene.send('getUsage', path, { key })).json.total;

    await submit(scene);

    const { jobs, ...rest } = (await scene.send('getUsage', path, { key })).json.total;
    expect({ jobs, ...rest }).toEqual({ ...before, jobs: before.jobs + 1 });
  });
});

describe('202', () => {
  it.each([
    ['no seed', { input: { prompt: 'a lighthouse' } }],
    ['another seed', { input: { ...body.input, seed: 8 } }],
    ['a request that wants none', { cache: false }],
  ])('makes a new result for %s', async (_title, change) => {
    const scene = await openScene();
    await made(scene);

    const got = await submit(scene, change);

    expect(got.status).toBe(202);
    expect(got.headers).not.toHaveProperty('x-pilotlight-cache');
  });

  it('gives no tenant what another one made, whoever asks for it and however', async () => {
    const scene = await openScene();
    const other = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', overrides: on }));
    const canary = { input: { prompt: 'the canary of tenant-a', seed: 7 } };
    const { id } = (await submit(scene, canary)).json;
    await scene.finish(id);

    const got = await submit(scene, canary, { key: other });
    const asked = await submit(scene, { ...canary, cache: true }, { key: other });

    expect([got.status, asked.status]).toEqual([202, 202]);
    expect(`${got.text}${asked.text}`).not.toContain(id);
    expect((await submit(scene, canary)).json.receipt.cached_from).toBe(id);
    const jobs = (await scene.jobs.list('tenant-b', { limit: 10 })).items;
    expect(jobs.map(({ status }) => status)).toEqual(['queued', 'queued']);
  });

  it('looks nothing up that the policy refuses by now', async () => {
    const scene = await openScene();
    await made(scene);
    const tenant = await scene.tenants.get('tenant-a');
    if (tenant === null) throw new Error('the scene has its tenant');
    const overrides: TenantRecord['overrides'] = { ...on, prompt_policy: 'block' };
    await scene.tenants.update({ ...tenant, overrides, promptTerms: ['lighthouse'], version: 2 });
    await scene.clock.advance(31_000);

    expect((await submit(scene)).json.error.code).toBe('prompt_rejected');
  });
});

describe('400', () => {
  it.each([
    [{}, { cache: true }, 'cache'],
    [on, { cache: true, input: { prompt: 'a' } }, 'input.seed'],
    [on, { cache: 'yes' }, 'cache'],
  ])(
    'names what keeps a request from the cache that insists on it: %j %j',
    async (overrides, change, param) => {
      const scene = await openScene(overrides);

      const got = await submit(scene, change);

      expect(got.status).toBe(400);
      expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
      expect((await scene.gates.read('tenant-a'))?.counters).toEqual({});
    },
  );
});

describe('429', () => {
  it('counts hits among the requests of a minute', async () => {
    const scene = await openScene({ ...on, requests_per_minute: 2 });
    await made(scene);

    expect((await submit(scene)).headers['x-ratelimit-remaining-requests']).toBe('0');
    expect((await submit(scene)).json.error.code).toBe('rate_limit_exceeded');
  });
});
