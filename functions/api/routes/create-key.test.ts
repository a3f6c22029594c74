import { describe, expect, it } from 'vitest';
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
