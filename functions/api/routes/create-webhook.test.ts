import { describe, expect, it } from 'vitest';
import { webhookLimits } from '#core/limits.ts';
import { sampleEndpoint } from '#core/samples.ts';
import { endEvents } from '#core/webhook/event.ts';
import { createApiScene } from '../api-scene.ts';
import { webhookScene } from '../webhook-scene.ts';

const path = '/v1/webhooks';
const url = 'https://hooks.example/jobs';

describe('201', () => {
  it('shows the webhook and its secret, this once', async () => {
    const { scene, key } = await webhookScene();

    const got = await scene.send('createWebhook', path, { key, body: { url, events: ['job.running'] } });

    expect(got.json).toMatchObject({
      object: 'webhook',
      url,
      events: ['job.running'],
      status: 'active',
      signing: [{ public_key: expect.stringMatching(/^whpk_/), ends_at: null }],
    });
    expect(got.json.id).toMatch(/^whe_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(got.json.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const later = await scene.send('getWebhook', `${path}/${got.json.id}`, { key });
    const { secret, ...shown } = got.json;
    expect(later.json).toEqual(shown);
    expect(JSON.stringify(await scene.endpoints.list('tenant-a'))).not.toContain(secret);
  });

  it('means the ends of a job where no events are named, and takes each once', async () => {
    const { scene, key } = await webhookScene();

    const plain = await scene.send('createWebhook', path, { key, body: { url } });
    const events = ['job.failed', 'job.failed'];
    const twice = await scene.send('createWebhook', path, { key, body: { url, events } });

    expect(plain.json.events).toEqual(endEvents);
    expect(twice.json.events).toEqual(['job.failed']);
    expect(twice.json.secret).not.toBe(plain.json.secret);
  });

  it('keeps the address in its normal form', async () => {
    const { scene, key } = await webhookScene();

    const got = await scene.send('createWebhook', path, { key, body: { url: 'HTTPS://Hooks.Example' } });

    expect(got.json.url).toBe('https://hooks.example/');
  });
});

describe('400', () => {
  it.each([
    ['http://hooks.example/', 'scheme'],
    ['https://127.0.0.1/', 'address_loopback'],
    ['https://169.254.169.254/latest/meta-data', 'address_metadata'],
    ['https://10.0.0.1/', 'address_private'],
    ['https://[::ffff:10.0.0.1]/', 'address_special'],
    ['https://localhost/', 'host_local_name'],
    ['https://user:hunter2@hooks.example/', 'userinfo'],
    ['https://hooks.example:22/', 'port'],
    ['https://0x7f.1/', 'host_number'],
    ['hooks.example', 'url_malformed'],
  ])('names the rule by which no message may go to %s', async (address, code) => {
    const { scene, key } = await webhookScene();

    const got = await scene.send('createWebhook', path, { key, body: { url: address } });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'url', details: [{ code }] });
    expect(got.text).not.toContain('hunter2');
    expect(await scene.endpoints.list('tenant-a')).toEqual([]);
  });

  it.each([
    [{}, 'url'],
    [{ url, events: [] }, 'events'],
    [{ url, events: ['batch.created'] }, 'events.0'],
    [{ url, secret: 'whsec_mine' }, 'secret'],
    [{ url: `https://hooks.example/${'x'.repeat(2_048)}` }, 'url'],
  ])('names the field of %j', async (body, param) => {
    const { scene, key } = await webhookScene();

    const got = await scene.send('createWebhook', path, { key, body });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
  });
});

describe('403', () => {
  it('needs the scope webhooks:write', async () => {
    const scene = await createApiScene();

    const got = await scene.send('createWebhook', path, { body: { url } });

    expect(got.json.error).toMatchObject({ code: 'missing_scope' });
  });
});

describe('409', () => {
  it('says that the tenant has as many as it may, until one is deleted', async () => {
    const { scene, key } = await webhookScene();
    for (let count = 0; count < webhookLimits.endpointsMax; count += 1) {
      await scene.endpoints.put(sampleEndpoint({ endpointId: `whe_${String(count).padStart(26, '0')}` }));
    }

    const got = await scene.send('createWebhook', path, { key, body: { url } });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('20 webhooks'),
    });
    await scene.send('deleteWebhook', `${path}/whe_${'0'.repeat(26)}`, { key });
    expect((await scene.send('createWebhook', path, { key, body: { url } })).status).toBe(201);
  });

  it('does not count what stands for the addresses of single jobs', async () => {
    const { scene, key } = await webhookScene();
    for (let count = 1; count < webhookLimits.endpointsMax; count += 1) {
      await scene.endpoints.put(sampleEndpoint({ endpointId: `whe_${String(count).padStart(26, '0')}` }));
    }
    await scene.send('rotateWebhook', `${path}/default/rotate`, { key });

    expect((await scene.send('createWebhook', path, { key, body: { url } })).status).toBe(201);
  });
});
