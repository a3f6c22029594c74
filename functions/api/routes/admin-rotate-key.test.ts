import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/keys/key00001/rotate';
const dayMs = 24 * 60 * 60 * 1000;

describe('200', () => {
  it('gives a key that works at once, while the old one works for a day', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminRotateKey', path);

    expect(got.json.old).toMatchObject({ id: 'key00001', status: 'expiring' });
    expect(Date.parse(got.json.old.expires_at)).toBe(scene.clock.nowMs() + dayMs);
    expect(got.json.key).toMatchObject({ status: 'active', expires_at: null });
    const works = async () => [
      (await scene.tryKey(got.json.key.secret)).status,
      (await scene.tryKey(scene.key)).status,
    ];
    expect(await works()).toEqual([202, 202]);
    await scene.clock.advance(dayMs - 1);
    expect(await works()).toEqual([202, 202]);
    await scene.clock.advance(1);
    expect(await works()).toEqual([202, 401]);
  });

  it('ends the old key now when no overlap is asked for', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminRotateKey', path, { overlap_s: 0 });

    expect(got.json.old.status).toBe('expired');
    expect((await scene.tryKey(scene.key)).status).toBe(401);
  });

  it('keeps scopes, models and label', async () => {
    const scene = await createAdminScene();
    const made = await scene.ask('adminCreateKey', '/admin/v1/tenants/tenant-a/keys', {
      label: 'build server',
      scopes: ['jobs:read'],
      models: ['fake-image'],
    });

    const got = await scene.ask(
      'adminRotateKey',
      `/admin/v1/tenants/tenant-a/keys/${made.json.key.id}/rotate`,
    );

    const same = { label: 'build server', scopes: ['jobs:read'], models: ['fake-image'] };
    expect(got.json.key).toMatchObject(same);
    expect(got.json.key.id).not.toBe(made.json.key.id);
  });
});

describe('400', () => {
  it.each([-1, 1.5, 30 * 24 * 60 * 60 + 1, '24h'])('refuses an overlap of %j', async (overlap_s) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminRotateKey', path, { overlap_s })).json.error.param).toBe('overlap_s');
  });
});

describe('404', () => {
  it("answers to another tenant's key as to a missing one", async () => {
    const scene = await createAdminScene();
    await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const answers = [];

    for (const key of ['key00003', 'key99999', 'key', '__proto__']) {
      const got = await scene.ask(
        'adminRotateKey',
        `/admin/v1/tenants/tenant-a/keys/${key}/rotate`,
        {},
        {
          headers: { 'x-request-id': 'same-for-all' },
        },
      );
      answers.push([got.status, got.text]);
    }

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.[0]).toBe(404);
  });

  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminRotateKey', `/admin/v1/tenants/${id}/keys/key00001/rotate`);

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('does not rotate a key that has ended', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminRevokeKey', '/admin/v1/tenants/tenant-a/keys/key00001');

    expect((await scene.ask('adminRotateKey', path)).json.error.code).toBe('conflict');
  });
});
