import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

async function setup() {
  const scene = await createApiScene();
  const key = await scene.addKey('tenant-a', ['usage:read']);
  const usage = (query = '') => scene.send('getUsage', `/v1/usage${query}`, { key });
  return { scene, usage };
}

describe('200', () => {
  it('tells what ended jobs used and cost, by day', async () => {
    const { scene, usage } = await setup();
    await scene.finish(await scene.submit());
    await scene.submit();

    const got = await usage();

    expect(got.json.data).toMatchObject([
      {
        group: { day: '2030-03-17' },
        jobs: 1,
        images: 2,
        weighted_images: 2.25,
        gpu_ms: 812,
        cost_usd_micros: 1_250,
      },
    ]);
    expect(got.json.total).toMatchObject({
      jobs: 1,
      input_tokens: 41,
      output_tokens: 7,
      cost_usd_micros: 1_250,
    });
  });

  it('groups by key, model and the tag of the metadata', async () => {
    const { scene, usage } = await setup();
    const body = { model: 'fake-image', input: { prompt: 'a' }, metadata: { tag: 'spring' } };
    const { json } = await scene.send('submitJob', '/v1/jobs', { body });
    await scene.finish(json.id);
    await scene.finish(await scene.submit());

    const got = await usage('?group_by=tag,key,model&from=2030-03-17&to=2030-03-17');

    const same = { key: 'key00001', model: 'fake-image' };
    expect(got.json.data).toMatchObject([
      { group: { ...same, tag: null }, jobs: 1 },
      { group: { ...same, tag: 'spring' }, jobs: 1 },
    ]);
  });

  it('comes as CSV with a header', async () => {
    const { scene, usage } = await setup();
    await scene.finish(await scene.submit());

    const got = await usage('?format=csv&group_by=day,model');

    expect(got.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    expect(got.text.split('\r\n')).toEqual([
      expect.stringMatching(/^day,model,jobs,/),
      '2030-03-17,fake-image,1,2,2.25,41,7,812,0,1250,0,0',
      '',
    ]);
  });

  it('tells nothing of another tenant', async () => {
    const { scene } = await setup();
    await scene.finish(await scene.submit());
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const theirs = await scene.addKey('tenant-b', ['usage:read']);

    const got = await scene.send('getUsage', '/v1/usage', { key: theirs });

    expect(key).not.toBe(theirs);
    expect(got.json).toMatchObject({ data: [], total: { jobs: 0, cost_usd_micros: 0 } });
  });
});

describe('400', () => {
  it.each([
    ['?from=2029-02-28&to=2030-03-17', 'from', 'must leave at most 13 calendar months up to `to`'],
    ['?from=2030-03-18&to=2030-03-17', 'from', 'must be before `to`'],
    ['?from=soon', 'from', 'must be a day such as 2030-03-17 or a time such as 2030-03-17T08:00:00Z'],
    ['?group_by=week', 'group_by', 'must be some of day,model,key,tag'],
    ['?format=xml', 'format', 'must be one of json, csv'],
    ['?tenant=tenant-b', 'tenant', 'is not a known field'],
  ])('says what is wrong with %s', async (query, path, message) => {
    const { usage } = await setup();

    const got = await usage(query);

    expect(got.status).toBe(400);
    expect(got.json.error.details).toEqual([{ path, message }]);
  });
});

describe('403', () => {
  it('needs a key that may read usage', async () => {
    const { scene } = await setup();
    const key = await scene.addKey('tenant-a', ['jobs:read', 'jobs:write']);

    const got = await scene.send('getUsage', '/v1/usage', { key });

    expect(got.json.error.code).toBe('missing_scope');
  });
});
