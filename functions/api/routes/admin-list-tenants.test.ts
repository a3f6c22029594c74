import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/tenants';

describe('200', () => {
  it('lists every tenant once, page by page', async () => {
    const scene = await createAdminScene();
    const ids = Array.from({ length: 30 }, (_, index) => `many-${String(index).padStart(2, '0')}`);
    for (const tenantId of ids) await scene.tenants.create(sampleTenant({ tenantId }));

    const first = await scene.ask('adminListTenants', path);
    const cursor = encodeURIComponent(first.json.next_cursor);
    const second = await scene.ask('adminListTenants', `${path}?cursor=${cursor}`);

    const seen = [...first.json.data, ...second.json.data].map(({ id }: { id: string }) => id);
    expect(seen).toEqual([...ids, 'operator', 'tenant-a']);
    expect(second.json.next_cursor).toBeNull();
  });
});

describe('400', () => {
  it('refuses a query that says nothing to us', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListTenants', `${path}?plan=pro`)).json.error.param).toBe('plan');
  });
});
