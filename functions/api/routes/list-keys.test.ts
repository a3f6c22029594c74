import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it("lists the tenant's own keys and no others", async () => {
    const scene = await createApiScene();
    await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const key = await scene.addKey('tenant-a', ['keys:write']);

    const got = await scene.send('listKeys', '/v1/keys', { key });

    expect(got.json.data.map(({ id }: { id: string }) => id)).toEqual(['key00001', 'key00003']);
    expect(got.text).not.toMatch(/plk_|hash|secret/);
  });
});

describe('400', () => {
  it('refuses a query that says nothing to us', async () => {
    const scene = await createApiScene();
    const key = await scene.addKey('tenant-a', ['keys:write']);

    expect((await scene.send('listKeys', '/v1/keys?tenant=tenant-b', { key })).status).toBe(400);
  });
});
