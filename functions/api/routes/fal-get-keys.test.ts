import { describe, expect, it } from 'vitest';
import { webhookScene } from '../webhook-scene.ts';

const path = '/fal/keys/tenant-a/jwks.json';

describe('200', () => {
  it('has the keys in force, old and new while one is rotated', async () => {
    const { scene, key } = await webhookScene();
    const keysOf = async (of: string) => (await scene.send('falGetKeys', of, { key: null })).json.keys;
    const before = await keysOf(path);
    await scene.send('rotateWebhook', '/v1/webhooks/default/rotate', { key, body: { overlap_s: 60 } });

    const during = await keysOf(path);
    await scene.clock.advance(60_001);
    const after = await keysOf(path);

    expect(before).toMatchObject([{ kty: 'OKP', crv: 'Ed25519', kid: 'v1' }]);
    expect(during.map(({ kid }: { kid: string }) => kid)).toEqual(['v2', 'v1']);
    expect(after).toEqual([during[0]]);
  });

  it('answers for whoever is named, with keys of their own', async () => {
    const { scene } = await webhookScene();
    const [ours, theirs] = await Promise.all(
      [path, path.replace('tenant-a', 'nobody')].map((of) => scene.send('falGetKeys', of, { key: null })),
    );

    expect(theirs?.json.keys).toHaveLength(1);
    expect(theirs?.json.keys[0].x).not.toBe(ours?.json.keys[0].x);
  });
});

describe('404', () => {
  it.each(['..', '__proto__', 'x'.repeat(64), 'a.b'])('is no name of a tenant: %s', async (tenant) => {
    const { scene } = await webhookScene();

    const got = await scene.send('falGetKeys', `/fal/keys/${tenant}/jwks.json`, { key: null });

    expect(got.status).toBe(404);
  });
});
