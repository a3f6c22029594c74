import { describe, expect, it } from 'vitest';
import { webhookScene } from '../webhook-scene.ts';

describe('200', () => {
  it('is every webhook of the tenant, without secrets', async () => {
    const { scene, key, create } = await webhookScene();
    const made = [await create(), await create({ events: ['job.queued'] })];
    await scene.send('rotateWebhook', '/v1/webhooks/default/rotate', { key });

    const got = await scene.send('listWebhooks', '/v1/webhooks', { key });

    expect(got.json.data).toEqual(made.map(({ secret: _secret, ...shown }) => shown));
    expect(got.json.next_cursor).toBeNull();
    expect(got.text).not.toContain('whsec_');
  });
});
