import { describe, expect, it } from 'vitest';
import { sampleKey, samplePlan, sampleTenant } from '../samples.ts';
import { limitsOf } from './plans.ts';
import {
  dayOf,
  grantedBy,
  isUsable,
  keyRecordSchema,
  keyStateOf,
  scopes,
  tenantIdSchema,
  tenantRecordSchema,
  tenantScopes,
  withPlan,
} from './tenant.ts';

describe('tenantIdSchema', () => {
  it.each(['a', '0', 'tenant-a', 'tenant_b', 'companyA', 'A', 'a'.repeat(63)])('takes %j', (text) => {
    expect(tenantIdSchema.parse(text)).toBe(text);
  });

  it.each(['', '-a', '_a', '-A', 'a.b', 'a/b', '../a', 'a b', 'ä', 'a\n', 'a#b', 'a'.repeat(64)])(
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

describe('records of before', () => {
  it('a tenant without grants and version may use every model and is at version 0', () => {
    const { models: _models, version: _version, ...old } = sampleTenant();

    expect(tenantRecordSchema.parse(old)).toMatchObject({ models: null, version: 0 });
  });

  it('a key without times and label neither ends nor has been used', () => {
    const { keyId, tenantId, hash, createdAtMs } = sampleKey();
    const old = { keyId, tenantId, hash, createdAtMs, scopes: ['jobs:read'] };

    const fresh = { label: null, models: null, expiresAtMs: null, revokedAtMs: null, lastUsedDay: null };
    expect(keyRecordSchema.parse(old)).toMatchObject(fresh);
  });
});

describe('withPlan', () => {
  it("puts the limits of the operator's plan below the tenant's own", () => {
    const tenant = withPlan(
      sampleTenant({ plan: 'studio', overrides: { weight: 2 } }),
      samplePlan({ limits: { weight: 8, open_jobs_max: 50 } }),
    );

    expect(limitsOf(tenant.plan, tenant.overrides)).toEqual({ weight: 2, open_jobs_max: 50 });
  });

  it.each([
    [null, ['a', 'b']],
    [['b', 'c'], ['b']],
  ])('leaves of the granted models %j those of the plan', (models, left) => {
    const tenant = withPlan(sampleTenant({ plan: 'studio', models }), samplePlan({ models: ['a', 'b'] }));

    expect(tenant.models).toEqual(left);
  });

  it('leaves a tenant on a plan that ships as it is', () => {
    expect(withPlan(sampleTenant(), null)).toEqual(sampleTenant());
  });
});

describe('the state of a key', () => {
  it.each([
    [{}, 'active', true],
    [{ expiresAtMs: 101 }, 'expiring', true],
    [{ expiresAtMs: 100 }, 'expired', false],
    [{ expiresAtMs: 101, revokedAtMs: 1 }, 'revoked', false],
  ] as const)('of %j is %s', (fields, state, usable) => {
    expect(keyStateOf(sampleKey(fields), 100)).toBe(state);
    expect(isUsable(sampleKey(fields), 100)).toBe(usable);
  });

  it('counts days in UTC', () => {
    expect(dayOf(Date.UTC(2030, 2, 17, 23, 59, 59, 999))).toBe('2030-03-17');
    expect(dayOf(Date.UTC(2030, 2, 18))).toBe('2030-03-18');
  });
});

describe('grantedBy', () => {
  it.each([
    [[null, null], null],
    [[['a'], null], ['a']],
    [[null, ['a']], ['a']],
    [
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
      ['b'],
    ],
    [[['a'], ['b']], []],
    [[null, []], []],
  ] as const)('of %j is %j', (lists, granted) => {
    expect(grantedBy(...lists)).toEqual(granted);
  });
});
