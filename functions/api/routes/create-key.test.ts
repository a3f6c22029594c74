import { describe, expect, it } from 'vitest';
import { keyLimits } from '#core/limits.ts';
import { sampleKey } from '#core/samples.ts';
import type { ApiScene } from '../api-scene.ts';
import { createApiScene } from '../api-scene.ts';

const path = '/v1/keys';

async function ownKey(scene: ApiScene): Promise<string> {
  return scene.addKey('tenant-a', ['jobs:read', 'jobs:write', 'keys:write']);
}

describe('201', () => {
  it('makes a key that may do what the own one may, and shows its secret', async () => {
    const scene = await createApiScene();
    const key = await ownKey(scene);

    const got = await scene.send('createKey', path, { key, body: { label: 'laptop' } });

    expect(got.json.key).toMatchObject({
      tenant: 'tenant-a',
      label: 'laptop',
      scopes: ['jobs:read', 'jobs:write', 'keys:write'],
      status: 'active',
    });
    const limits = await scene.send('getLimits', '/v1/limits', { key: got.json.key.secret });
    expect(limits.json.tenant).toBe('tenant-a');
  });

  it('hands on the models and the end of the own key where nothing else is asked for', async () => {
    const scene = await createApiScene();
    const key = await ownKey(scene);
    const expires_at = new Date(scene.clock.nowMs() + 60_000).toISOString();
    const body = { models: ['fake-image'], expires_at };
    const narrow = (await scene.send('createKey', path, { key, body })).json.key.secret;

    const got = await scene.send('createKey', path, { key: narrow });

    expect(got.json.key).toMatchObject(body);
  });
});

describe('400', () => {
  it.each([
    [{ models: [] }, { models: ['fake-image'] }, 'models.0'],
    [{}, { models: ['other'] }, 'models.0'],
    [{}, { expires_at: '2029-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '2030-04-01T00:00:00Z' }, { expires_at: '2030-04-01T00:00:01Z' }, 'expires_at'],
    [{}, { tenant: 'tenant-b' }, 'tenant'],
  ])('from a key of %j asks for no %j', async (own, body, param) => {
    const scene = await createApiScene();
    const made = await scene.send('createKey', path, { key: await ownKey(scene), body: own });

    const got = await scene.send('createKey', path, { key: made.json.key.secret, body });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
  });
});

describe('403', () => {
  it.each(['usage:read', 'admin'])('does not hand on %s, which the own key lacks', async (scope) => {
    const scene = await createApiScene();

    const got = await scene.send('createKey', path, { key: await ownKey(scene), body: { scopes: [scope] } });

    expect(got.json.error).toMatchObject({ code: 'missing_scope', param: 'scopes' });
  });
});

describe('409', () => {
  /** As many keys as a tenant may have, the first of the scene and `key` among them, and some that ended. */
  async function fillUp(scene: ApiScene): Promise<string> {
    const key = await ownKey(scene);
    for (let count = 2; count < keyLimits.liveKeysMax; count += 1) {
      await scene.keys.create(sampleKey({ keyId: `live${String(count).padStart(4, '0')}` }));
    }
    for (let count = 0; count < 30; count += 1) {
      const keyId = `dead${String(count).padStart(4, '0')}`;
      await scene.keys.create(sampleKey({ keyId, revokedAtMs: 1 }));
    }
    return key;
  }

  it('says that the tenant has as many keys as it may, until one is revoked', async () => {
    const scene = await createApiScene();
    const key = await fillUp(scene);

    const got = await scene.send('createKey', path, { key });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: 'The tenant has 100 keys that work, as many as it may: revoke one first.',
    });
    await scene.send('revokeKey', `${path}/live0002`, { key });
    expect((await scene.send('createKey', path, { key })).status).toBe(201);
  });

  it('lets a full tenant rotate a key that ends at once, and no other', async () => {
    const scene = await createApiScene();
    const key = await fillUp(scene);
    const rotate = (overlap_s: number) =>
      scene.send('rotateKey', `${path}/live0002/rotate`, { key, body: { overlap_s } });

    expect((await rotate(60)).status).toBe(409);
    expect((await scene.keys.get('live0002'))?.expiresAtMs).toBeNull();
    expect((await rotate(0)).status).toBe(200);
  });
});
