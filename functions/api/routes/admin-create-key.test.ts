import { describe, expect, it } from 'vitest';
import { keyLimits } from '#core/limits.ts';
import { sampleKey } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/keys';

describe('201', () => {
  it('makes a key as wide as a first one, and shows its secret', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCreateKey', path, { label: 'build server' });

    expect(got.json.key).toMatchObject({
      object: 'key',
      tenant: 'tenant-a',
      label: 'build server',
      models: null,
      status: 'active',
      expires_at: null,
      last_used_on: null,
    });
    expect(got.json.key.scopes).not.toContain('admin');
    expect(got.text).not.toContain('hash');
    expect((await scene.tryKey(got.json.key.secret)).status).toBe(202);
  });

  it('holds a key to its scopes, its models and its end', async () => {
    const scene = await createAdminScene();
    const expires_at = new Date(scene.clock.nowMs() + 60_000).toISOString();
    const make = async (body: unknown) => (await scene.ask('adminCreateKey', path, body)).json.key.secret;

    const reader = await make({ scopes: ['jobs:read'] });
    const without = await make({ models: [] });
    const short = await make({ expires_at });

    expect((await scene.tryKey(reader)).json.error.code).toBe('missing_scope');
    expect((await scene.tryKey(without)).json.error.code).toBe('model_not_granted');
    expect((await scene.tryKey(short)).status).toBe(202);
    await scene.clock.advance(60_000);
    expect((await scene.tryKey(short)).json.error.code).toBe('invalid_api_key');
  });

  it("lets the operator's own tenant have another admin key", async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCreateKey', '/admin/v1/tenants/operator/keys', { scopes: ['admin'] });

    const key = got.json.key.secret;
    expect((await scene.ask('adminListTenants', '/admin/v1/tenants', undefined, { key })).status).toBe(200);
  });
});

describe('400', () => {
  it.each([
    [{ scopes: ['admin'] }, 'scopes'],
    [{ scopes: ['everything'] }, 'scopes.0'],
    [{ scopes: [] }, 'scopes'],
    [{ models: ['other'] }, 'models.0'],
    [{ expires_at: '2029-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: 'soon' }, 'expires_at'],
    [{ label: '' }, 'label'],
    [{ tenant: 'b' }, 'tenant'],
  ])('names the field at fault in %j', async (body, param) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminCreateKey', path, body)).json.error.param).toBe(param);
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCreateKey', `/admin/v1/tenants/${id}/keys`, {});

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('makes no key for a deleted tenant', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminCreateKey', path)).json.error.code).toBe('conflict');
  });

  it('makes no key for a tenant that has as many as it may', async () => {
    const scene = await createAdminScene();
    for (let count = 1; count < keyLimits.liveKeysMax; count += 1) {
      await scene.keys.create(sampleKey({ keyId: `live${String(count).padStart(4, '0')}` }));
    }

    expect((await scene.ask('adminCreateKey', path)).json.error.message).toContain('revoke one first');
  });
});
