import { describe, expect, it } from 'vitest';
import { webhookScene } from '../webhook-scene.ts';

const path = '/replicate/v1/webhooks/default/secret';

describe('200', () => {
  it('tells the newest secret of the webhook `default`, a new one once it is rotated', async () => {
    const { scene, key } = await webhookScene();
    const first = (await scene.send('replicateGetWebhookSecret', path, { key })).json;

    const rotated = (await scene.send('rotateWebhook', '/v1/webhooks/default/rotate', { key })).json;

    expect(first.key).toMatch(/^whsec_/);
    expect(rotated.secret).not.toBe(first.key);
    expect((await scene.send('replicateGetWebhookSecret', path, { key })).json).toEqual({
      key: rotated.secret,
    });
  });
});

describe('403', () => {
  it('is for keys that may make a new one', async () => {
    const { scene } = await webhookScene();
    const key = await scene.addKey('tenant-a', ['jobs:read', 'jobs:write']);

    const got = await scene.send('replicateGetWebhookSecret', path, { key });

    expect(got.json).toMatchObject({
      title: 'Permission denied',
      status: 403,
      error: { code: 'missing_scope' },
    });
  });
});
