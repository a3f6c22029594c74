import { describe, expect, it } from 'vitest';
import { answered } from '#sim/memory/memory-outbound.ts';
import { hookUrl, webhookScene } from '../webhook-scene.ts';

describe('200', () => {
  it('says why and since when a webhook is disabled', async () => {
    const { scene, key, outbound, create, deliver } = await webhookScene();
    const { id } = await create();
    outbound.listen(hookUrl, () => answered(410));
    await scene.finish(await scene.submit());
    await deliver();

    const got = await scene.send('getWebhook', `/v1/webhooks/${id}`, { key });

    expect(got.json).toMatchObject({
      status: 'disabled',
      disabled: { reason: 'gone', at: new Date(scene.clock.nowMs()).toISOString() },
    });
  });

  it('has the public keys of what stands for the addresses of single jobs, stored or not', async () => {
    const { scene, key } = await webhookScene();

    const before = await scene.send('getWebhook', '/v1/webhooks/default', { key });
    await scene.send('rotateWebhook', '/v1/webhooks/default/rotate', { key, body: { overlap_s: 60 } });
    const after = await scene.send('getWebhook', '/v1/webhooks/default', { key });

    expect(before.json).toMatchObject({ id: 'default', url: null, events: [], created_at: null });
    expect(after.json.signing).toMatchObject([
      { ends_at: null },
      {
        public_key: before.json.signing[0].public_key,
        ends_at: new Date(scene.clock.nowMs() + 60_000).toISOString(),
      },
    ]);
  });
});

describe('404', () => {
  it.each(['whe_00000000000000000000000000', 'defaults', 'DEFAULT'])('is the answer for %s', async (id) => {
    const { scene, key } = await webhookScene();

    expect((await scene.send('getWebhook', `/v1/webhooks/${id}`, { key })).status).toBe(404);
  });
});
