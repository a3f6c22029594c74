import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a';

describe('200', () => {
  it('admits nothing any more, at once, and refuses its keys as unknown ones', async () => {
    const scene = await createAdminScene();
    await scene.submit();

    const got = await scene.ask('adminDeleteTenant', path);

    expect(got.json.status).toBe('deleted');
    expect((await scene.tryKey(scene.key)).status).toBe(403);
    await scene.clock.advance(apiLimits.keyCacheMs);
    expect((await scene.tryKey(scene.key)).json.error.code).toBe('invalid_api_key');
  });

  it('lets what runs settle, and keeps jobs and tenant', async () => {
    const scene = await createAdminScene();
    const id = await scene.submit();

    await scene.ask('adminDeleteTenant', path);
    await scene.finish(id);

    expect(await scene.gates.read('tenant-a')).toMatchObject({ open: {} });
    expect((await scene.ledger.list('tenant-a', '203003')).items).toHaveLength(1);
    expect((await scene.ask('adminGetTenant', path)).json.status).toBe('deleted');
  });

  it('may be said twice, and each time has the sweep look at its adapters', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', path);
    const first = await scene.adapters.total('tenant-a');
    await scene.clock.advance(1_000);

    expect((await scene.ask('adminDeleteTenant', path)).json.status).toBe('deleted');
    expect((await scene.adapters.listChanged()).items).toEqual(['tenant-a']);
    expect((await scene.adapters.total('tenant-a')).version).toBeGreaterThan(first.version);
    const deletedAtMs = scene.clock.nowMs() - 1_000;
    expect(await scene.tenants.get('tenant-a')).toMatchObject({ status: 'deleted', deletedAtMs });
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminDeleteTenant', `/admin/v1/tenants/${id}`);

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('does not shut the operator out', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminDeleteTenant', '/admin/v1/tenants/operator');

    expect(got.json.error.code).toBe('conflict');
  });
});
