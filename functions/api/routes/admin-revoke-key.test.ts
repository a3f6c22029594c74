import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { sampleTenant } from '#core/samples.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/keys/key00001';

describe('200', () => {
  it('ends a key within a minute everywhere, where it is remembered too', async () => {
    const scene = await createAdminScene();
    await scene.submit();

    const got = await scene.ask('adminRevokeKey', path);
    await scene.clock.advance(apiLimits.keyCacheMs);

    expect(apiLimits.keyCacheMs).toBeLessThan(60_000);
    expect(got.json.status).toBe('revoked');
    expect((await scene.tryKey(scene.key)).status).toBe(401);
  });

  it('makes it answer as an unknown key does, byte for byte', async () => {
    const scene = await createAdminScene();
    const unknown = formatKey('key99999', new Uint8Array(32).fill(1));
    await scene.ask('adminRevokeKey', path);
    const answers = [];

    for (const key of [scene.key, unknown]) {
      const headers = { 'x-request-id': 'same-for-all' };
      answers.push(await scene.sendRaw('GET', '/v1/limits', { key, headers }));
    }

    expect(answers[0]?.status).toBe(401);
    expect(answers[0]).toEqual(answers[1]);
  });

  it('may be said twice, and keeps the first time', async () => {
    const scene = await createAdminScene();
    const first = await scene.ask('adminRevokeKey', path);
    await scene.clock.advance(1_000);

    expect((await scene.ask('adminRevokeKey', path)).json).toEqual(first.json);
  });
});

describe('404', () => {
  it("answers to another tenant's key as to a missing one, and leaves it alone", async () => {
    const scene = await createAdminScene();
    const theirs = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));

    for (const key of ['key00003', 'key99999', '__proto__']) {
      const got = await scene.ask('adminRevokeKey', `/admin/v1/tenants/tenant-a/keys/${key}`);
      expect(got.json.error.code).toBe('not_found');
    }

    expect((await scene.tryKey(theirs)).status).toBe(202);
  });

  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminRevokeKey', `/admin/v1/tenants/${id}/keys/key00001`);

    expect(got.json.error.code).toBe('not_found');
  });
});
