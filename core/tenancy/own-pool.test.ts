import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { manifestSchema } from '../models/manifest.ts';
import { sampleTenant } from '../samples.ts';
import { basePoolCharactersMax, basePoolOf, ownPool, poolOfTenant } from './own-pool.ts';
import { tenantIdSchema } from './tenant.ts';

const tenantIds = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
const basePools = fc
  .stringMatching(/^[a-z0-9][a-z0-9_-]{0,45}$/)
  .filter((pool) => !pool.includes('--') && pool.length <= basePoolCharactersMax);

describe('ownPool', () => {
  it('names the pool and the tenant', () => {
    expect(ownPool('demo', 'companyA')).toBe('demo--companya');
  });

  it('fits a queue, and leads back to the pool whose models it holds', () => {
    fc.assert(
      fc.property(basePools, tenantIds, (basePool, tenantId) => {
        expect(tenantIdSchema.safeParse(tenantId).success).toBe(true);
        const pool = ownPool(basePool, tenantId);

        expect(`pilotlight-${pool}-dead`.length).toBeLessThanOrEqual(80);
        expect(basePoolOf(pool)).toBe(basePool);
      }),
    );
  });

  it('is another for every other pool or tenant', () => {
    fc.assert(
      fc.property(basePools, tenantIds, basePools, tenantIds, (pool, tenant, otherPool, otherTenant) => {
        fc.pre(pool !== otherPool || tenant.toLowerCase() !== otherTenant.toLowerCase());

        expect(ownPool(pool, tenant)).not.toBe(ownPool(otherPool, otherTenant));
      }),
    );
    expect(ownPool('a-', 'b')).not.toBe(ownPool('a', '0-b'));
    expect(basePoolOf('a---b')).toBe('a-');
  });
});

describe('basePoolOf', () => {
  it.each(['demo', 'a-b', 'a-', 'demo--'])('of a pool of the catalog, %s, is itself', (pool) => {
    expect(basePoolOf(pool)).toBe(pool);
  });
});

describe('a manifest', () => {
  it.each(['a--b', 'a---b', 'x'.repeat(basePoolCharactersMax + 1)])('names no pool %s', (pool) => {
    expect(manifestSchema.safeParse({ ...fakeManifest, pool }).success).toBe(false);
  });

  it('names a pool that leaves room for a tenant', () => {
    const pool = 'x'.repeat(basePoolCharactersMax);

    expect(manifestSchema.safeParse({ ...fakeManifest, pool }).success).toBe(true);
  });
});

describe('poolOfTenant', () => {
  it('is a pool of its own for a tenant that is set so, and the shared one for every other', () => {
    const tenant = sampleTenant({ tenantId: 'companyA', overrides: { isolation: 'pool' } });

    expect(poolOfTenant('demo', tenant)).toBe('demo--companya');
    expect(poolOfTenant('demo', sampleTenant({ overrides: { isolation: 'shared' } }))).toBe('demo');
    expect(poolOfTenant('demo', sampleTenant())).toBe('demo');
  });
});
