import { describe, expect, it } from 'vitest';
import { webhookScene } from '../webhook-scene.ts';

describe('200', () => {
  it('ends the webhook, and what was on its way to it', async () => {
    const { scene, key, outbound, create, deliver } = await webhookScene();
    const { id } = await create();
    await scene.finish(await scene.submit());

    const got = await scene.send('deleteWebhook', `/v1/webhooks/${id}`, { key });
    await deliver();

    expect(got.json).toEqual({ id, object: 'webhook', deleted: true });
    expect(outbound.received).toEqual([]);
    expect((await scene.deliveries.list('tenant-a', id)).items).toMatchObject([
      { status: 'failed', reason: 'endpoint_deleted' },
    ]);
  });
});

describe('404', () => {
  it('is the answer the second time', async () => {
    const { scene, key, create } = await webhookScene();
    const { id } = await create();
    await scene.send('deleteWebhook', `/v1/webhooks/${id}`, { key });

    expect((await scene.send('deleteWebhook', `/v1/webhooks/${id}`, { key })).status).toBe(404);
  });
});

describe('409', () => {
  it('does not delete what stands for the addresses of single jobs', async () => {
    const { scene, key } = await webhookScene();

    const got = await scene.send('deleteWebhook', '/v1/webhooks/default', { key });

    expect(got.json.error).toMatchObject({ code: 'conflict' });
  });
});
