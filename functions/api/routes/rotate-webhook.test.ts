import { describe, expect, it } from 'vitest';
import { isSignedBy } from '#sim/world/verify-message.ts';
import { webhookScene } from '../webhook-scene.ts';

const day = 24 * 3_600_000;

describe('200', () => {
  it('gives a secret that signs at once, beside the old one until the overlap ends', async () => {
    const { scene, key, outbound, create, deliver } = await webhookScene();
    const { id, secret: before } = await create();

    const got = await scene.send('rotateWebhook', `/v1/webhooks/${id}/rotate`, { key });

    const believed = async () => {
      await scene.finish(await scene.submit());
      await deliver();
      const message = outbound.received.at(-1);
      if (message === undefined) throw new Error('nothing came');
      return [before, got.json.secret].map((secret) => isSignedBy(secret, message, scene.clock.nowMs()));
    };
    expect(await believed()).toEqual([true, true]);
    await scene.clock.advance(day);
    expect(await believed()).toEqual([false, true]);
    expect(got.json.signing).toMatchObject([{ ends_at: null }, { ends_at: expect.any(String) }]);
  });

  it('without an overlap ends the old one now', async () => {
    const { scene, key, create } = await webhookScene();
    const { id, secret } = await create();

    const path = `/v1/webhooks/${id}/rotate`;
    const got = await scene.send('rotateWebhook', path, { key, body: { overlap_s: 0 } });

    expect(got.json.secret).not.toBe(secret);
    expect(got.json.signing).toHaveLength(1);
  });

  it('of `default` gives the secret for the addresses that single jobs name', async () => {
    const { scene, key, outbound, deliver } = await webhookScene();
    const { json } = await scene.send('rotateWebhook', '/v1/webhooks/default/rotate', { key });
    const webhook = { url: 'https://own.example/' };
    const body = { model: 'fake-image', input: { prompt: 'x' }, webhook };

    const submitted = await scene.send('submitJob', '/v1/jobs', { body });
    await scene.finish(submitted.json.id);
    await deliver();

    const [message, ...more] = outbound.received;
    expect(more).toEqual([]);
    expect(message?.url).toBe(webhook.url);
    expect(message && isSignedBy(json.secret, message, scene.clock.nowMs())).toBe(true);
  });

  it('goes on top of a change that comes in between', async () => {
    const { scene, key, create } = await webhookScene();
    const { id } = await create();
    const get = scene.endpoints.get;
    let reads = 0;
    scene.endpoints.get = async (tenantId, endpointId) => {
      const endpoint = await get(tenantId, endpointId);
      reads += 1;
      if (reads === 1 && endpoint !== null) {
        await scene.endpoints.put({ ...endpoint, failingSinceMs: 5, version: endpoint.version + 1 });
      }
      return endpoint;
    };

    const got = await scene.send('rotateWebhook', `/v1/webhooks/${id}/rotate`, { key });

    expect(got.status).toBe(200);
    expect(await get('tenant-a', id)).toMatchObject({ failingSinceMs: 5, version: 3 });
  });
});

describe('400', () => {
  it.each([-1, 31 * 24 * 3_600, 0.5])('refuses an overlap of %s s', async (overlap_s) => {
    const { scene, key, create } = await webhookScene();
    const { id } = await create();

    const got = await scene.send('rotateWebhook', `/v1/webhooks/${id}/rotate`, { key, body: { overlap_s } });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'overlap_s' });
  });
});
