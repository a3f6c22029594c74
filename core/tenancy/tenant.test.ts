import { describe, expect, it } from 'vitest';
import { sampleKey, sampleTenant } from '../samples.ts';
import { keyRecordSchema, scopes, tenantIdSchema, tenantRecordSchema, tenantScopes } from './tenant.ts';

describe('tenantIdSchema', () => {
  it.each(['a', '0', 'tenant-a', 'tenant_b', 'a'.repeat(63)])('takes %j', (text) => {
    expect(tenantIdSchema.parse(text)).toBe(text);
  });

  it.each(['', '-a', '_a', 'A', 'a.b', 'a/b', '../a', 'a b', 'ä', 'a\n', 'a#b', 'a'.repeat(64)])(
    'refuses %j, which could be read as something else in a key or a path',
    (text) => {
      expect(tenantIdSchema.safeParse(text).success).toBe(false);
    },
  );
});

describe('scopes', () => {
  it('let a tenant do everything but administer the platform', () => {
    expect(new Set([...tenantScopes, 'admin'])).toEqual(new Set(scopes));
    expect(tenantScopes).not.toContain('admin');
  });
});

describe('records', () => {
  it('of samples are valid', () => {
    expect(tenantRecordSchema.parse(sampleTenant())).toEqual(sampleTenant());
    expect(keyRecordSchema.parse(sampleKey())).toEqual(sampleKey());
  });

  it('refuse an override that the plan schema refuses', () => {
    const tenant = { ...sampleTenant(), overrides: { requests_per_hour: 5 } };

    expect(tenantRecordSchema.safeParse(tenant).success).toBe(false);
  });
});
