/** Promises of the ports that an operator works on: changes of tenants and keys, `Plans`, `Aliases`. */
import { describe, expect, it } from 'vitest';
import { planAdmission } from '../admission/gate.ts';
import { sampleAlias, sampleKey, samplePlan, sampleTenant } from '../samples.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

export function tenancyContract(scene: Scene): void {
  describe('Tenants, changed', () => changedTenants(scene));
  describe('Keys, changed', () => changedKeys(scene));
  describe('Keys, listed', () => listedKeys(scene));
  describe('Plans', () => plans(scene));
  describe('Aliases', () => aliases(scene));
}

function changedTenants(scene: Scene): void {
  it('makes no gate for a tenant that is not there', async () => {
    const tenant = sampleTenant({ tenantId: scene.tenantId(), status: 'suspended', version: 2 });

    expect(await scene.ports.tenants.update(tenant)).toBe('conflict');

    expect(await scene.ports.gates.read(tenant.tenantId)).toBeNull();
  });

  it('stores a record that follows the stored one, with every field', async () => {
    const tenant = await created(scene);
    const changed: TenantRecord = {
      ...tenant,
      plan: 'studio',
      overrides: { weight: 3 },
      models: ['demo-image'],
      promptTerms: ['Scunthorpe United', '灯台'],
      version: 2,
    };

    expect(await scene.ports.tenants.update(changed)).toBe('updated');

    expect(await scene.ports.tenants.get(tenant.tenantId)).toEqual(changed);
  });

  it('answers `conflict` to any other version and to a missing tenant, and changes nothing', async () => {
    const tenant = await created(scene);

    for (const version of [0, 1, 3]) {
      expect(await scene.ports.tenants.update({ ...tenant, plan: 'vip', version })).toBe('conflict');
    }
    expect(await scene.ports.tenants.update(sampleTenant({ tenantId: scene.tenantId(), version: 1 }))).toBe(
      'conflict',
    );

    expect(await scene.ports.tenants.get(tenant.tenantId)).toEqual(tenant);
  });

  it('lets exactly one of 16 parallel writers of a version through', async () => {
    const tenant = await created(scene);

    const outcomes = await atOnce(16, (index) =>
      scene.ports.tenants.update({ ...tenant, overrides: { weight: index + 1 }, version: 2 }),
    );

    expect(outcomes.filter((outcome) => outcome === 'updated')).toHaveLength(1);
  });

  it.each(['suspended', 'deleted'] as const)('admits nothing once a tenant is %s', async (status) => {
    const tenant = await created(scene);

    await scene.ports.tenants.update({ ...tenant, status, version: 2 });

    expect((await admit(scene, tenant.tenantId)).kind).toBe('refused');
    expect(await scene.ports.gates.read(tenant.tenantId)).toMatchObject({ status: 'suspended' });
  });

  it('keeps what a suspended tenant has open, and lets it settle', async () => {
    const tenant = await created(scene);
    const ask = askOf(scene);
    await scene.ports.gates.admit(tenant.tenantId, ask);

    await scene.ports.tenants.update({ ...tenant, status: 'suspended', version: 2 });

    const released = await scene.ports.gates.release(tenant.tenantId, ask.jobId, {
      token: ask.token,
      corrections: [],
      finishTag: null,
    });
    expect(released).toBe('released');
  });

  it('admits again once a suspended tenant is active', async () => {
    const tenant = await created(scene);
    await scene.ports.tenants.update({ ...tenant, status: 'suspended', version: 2 });

    await scene.ports.tenants.update({ ...tenant, status: 'active', version: 3 });

    expect((await admit(scene, tenant.tenantId)).kind).toBe('admitted');
  });

  it('leaves gate and record agreed when suspending and resuming race', async () => {
    const tenant = await created(scene);
    const statuses = ['suspended', 'active', 'suspended', 'active'] as const;

    await atOnce(statuses.length, async (index) => {
      const status = statuses[index] ?? 'active';
      for (let tries = 0; tries < 20; tries += 1) {
        const now = await scene.ports.tenants.get(tenant.tenantId);
        if (now === null) throw new Error('the tenant is gone');
        const next = { ...now, status, version: now.version + 1 };
        if ((await scene.ports.tenants.update(next)) === 'updated') return;
      }
      throw new Error('still a conflict after 20 tries');
    });

    const after = await scene.ports.tenants.get(tenant.tenantId);
    expect(after?.version).toBe(1 + statuses.length);
    expect(await scene.ports.gates.read(tenant.tenantId)).toMatchObject({ status: after?.status });
  });

  it('takes no id that differs from another one by case alone', async () => {
    const tenant = await created(scene);
    const shouting = sampleTenant({ tenantId: tenant.tenantId.toUpperCase() });

    expect(await scene.ports.tenants.create(shouting)).toBe('exists');

    expect(await scene.ports.tenants.get(shouting.tenantId)).toBeNull();
    expect(await scene.ports.gates.read(shouting.tenantId)).toBeNull();
  });
}

function changedKeys(scene: Scene): void {
  it('keeps label, models and every time of a key', async () => {
    const key = ownKey(scene, {
      label: 'build server',
      models: ['demo-image'],
      expiresAtMs: 5,
      revokedAtMs: 6,
      lastUsedDay: '2030-03-17',
    });

    await scene.ports.keys.create(key);

    expect(await scene.ports.keys.get(key.keyId)).toEqual(key);
  });

  it('lets a key expire, and never later than it was to', async () => {
    const key = ownKey(scene);
    await scene.ports.keys.create(key);
    const expire = (atMs: number) => scene.ports.keys.expire(key.tenantId, key.keyId, atMs);

    expect(await expire(5_000)).toEqual({ ...key, expiresAtMs: 5_000 });
    expect(await expire(9_000)).toEqual({ ...key, expiresAtMs: 5_000 });
    expect(await expire(1_000)).toEqual({ ...key, expiresAtMs: 1_000 });

    expect(await scene.ports.keys.get(key.keyId)).toEqual({ ...key, expiresAtMs: 1_000 });
  });

  it('revokes a key once and keeps the first time', async () => {
    const key = ownKey(scene);
    await scene.ports.keys.create(key);

    expect(await scene.ports.keys.revoke(key.tenantId, key.keyId, 7_000)).toMatchObject({
      revokedAtMs: 7_000,
    });
    expect(await scene.ports.keys.revoke(key.tenantId, key.keyId, 8_000)).toMatchObject({
      revokedAtMs: 7_000,
    });
  });

  it('notes the latest day of use', async () => {
    const key = ownKey(scene);
    await scene.ports.keys.create(key);

    for (const day of ['2030-03-17', '2030-03-18', '2030-03-16']) {
      await scene.ports.keys.touch(key.tenantId, key.keyId, day);
    }

    expect(await scene.ports.keys.get(key.keyId)).toEqual({ ...key, lastUsedDay: '2030-03-18' });
  });

  it("answers to another tenant's key as to a missing one, and leaves it alone", async () => {
    const key = ownKey(scene);
    await scene.ports.keys.create(key);

    for (const [tenantId, keyId] of [
      [scene.tenantId(), key.keyId],
      [key.tenantId, scene.nonce()],
    ] as const) {
      expect(await scene.ports.keys.expire(tenantId, keyId, 1)).toBeNull();
      expect(await scene.ports.keys.revoke(tenantId, keyId, 1)).toBeNull();
      await scene.ports.keys.touch(tenantId, keyId, '2030-03-17');
    }

    expect(await scene.ports.keys.get(key.keyId)).toEqual(key);
  });
}

function listedKeys(scene: Scene): void {
  it("lists each of a tenant's keys once, page by page, and nobody else's", async () => {
    const tenantId = scene.tenantId();
    await scene.ports.keys.create(ownKey(scene));
    const keyIds = await atOnce(30, async () => {
      const key = ownKey(scene, { tenantId });
      await scene.ports.keys.create(key);
      return key.keyId;
    });

    await scene.eventually(async () => {
      const keys = await allPages((cursor) => scene.ports.keys.list(tenantId, cursor));
      expect(keys.map(({ keyId }) => keyId).toSorted()).toEqual(keyIds.toSorted());
    });
  });

  it('lists nothing of a tenant without keys', async () => {
    expect(await scene.ports.keys.list(scene.tenantId())).toEqual({ items: [], cursor: null });
  });
}

function plans(scene: Scene): void {
  it('keeps a plan, and each change that follows the one before', async () => {
    const plan = samplePlan({ name: planName(scene) });
    const removed = { ...plan, limits: { weight: 1, open_jobs_max: 2 }, removedAtMs: 9, version: 2 };

    expect(await scene.ports.plans.put(plan)).toBe('stored');
    expect(await scene.ports.plans.get(plan.name)).toEqual(plan);
    expect(await scene.ports.plans.put(removed)).toBe('stored');

    expect(await scene.ports.plans.get(plan.name)).toEqual(removed);
  });

  it('answers `conflict` to a change that follows another one', async () => {
    const plan = samplePlan({ name: planName(scene) });

    expect(await scene.ports.plans.put({ ...plan, version: 2 })).toBe('conflict');
    await scene.ports.plans.put(plan);
    expect(await scene.ports.plans.put({ ...plan, removedAtMs: 1 })).toBe('conflict');
    expect(await scene.ports.plans.put({ ...plan, removedAtMs: 1, version: 3 })).toBe('conflict');

    expect(await scene.ports.plans.get(plan.name)).toEqual(plan);
  });

  it('answers null for a missing plan', async () => {
    expect(await scene.ports.plans.get(planName(scene))).toBeNull();
  });

  it('lists every plan once', async () => {
    const stored = samplePlan({ name: planName(scene) });
    await scene.ports.plans.put(stored);

    await scene.eventually(async () => {
      const found = await allPages((cursor) => scene.ports.plans.list(cursor));
      expect(found.filter(({ name }) => name === stored.name)).toEqual([stored]);
    });
  });
}

function aliases(scene: Scene): void {
  it('keeps an alias, changes it, and forgets it', async () => {
    const alias = sampleAlias({ name: `alias-${scene.nonce()}` });
    const { family, name } = alias;
    const [first] = alias.versions;
    if (first === undefined) throw new Error('the sample has versions');
    const changed = { ...alias, versions: [{ ...first, pixelsMax: 512 * 512 }, first], version: 2 };

    expect(await scene.ports.aliases.put(alias)).toBe('stored');
    expect(await scene.ports.aliases.put(alias)).toBe('conflict');
    expect(await scene.ports.aliases.put(changed)).toBe('stored');
    expect(await scene.ports.aliases.get(family, name)).toEqual(changed);
    expect(await scene.ports.aliases.remove(family, name)).toBe('removed');
    expect(await scene.ports.aliases.remove(family, name)).toBe('missing');

    expect(await scene.ports.aliases.get(family, name)).toBeNull();
    expect(await scene.ports.aliases.put(alias)).toBe('stored');
  });

  it('lists every alias once', async () => {
    const alias = sampleAlias({ name: `alias-${scene.nonce()}` });
    await scene.ports.aliases.put(alias);

    await scene.eventually(async () => {
      const found = await allPages((cursor) => scene.ports.aliases.list(cursor));
      expect(found.filter(({ name }) => name === alias.name)).toEqual([alias]);
    });
  });
}

async function created(scene: Scene): Promise<TenantRecord> {
  const tenant = sampleTenant({ tenantId: scene.tenantId() });
  await scene.ports.tenants.create(tenant);
  return tenant;
}

function ownKey(scene: Scene, overrides: Parameters<typeof sampleKey>[0] = {}) {
  return sampleKey({ keyId: scene.nonce(), tenantId: scene.tenantId(), ...overrides });
}

function planName(scene: Scene): string {
  return `plan-${scene.nonce()}`;
}

function askOf(scene: Scene) {
  const demand = {
    tagCost: 1,
    images: 1,
    tokens: 1,
    storesFiles: true,
    gpuMs: 1,
    reservedUsdMicros: 0,
    line: 'pool-x',
    nonce: scene.nonce(),
  };
  return planAdmission(
    { weight: 1, open_jobs_max: 9 },
    { ...demand, jobId: scene.jobId() },
    scene.clock.nowMs(),
  );
}

function admit(scene: Scene, tenantId: string) {
  return scene.ports.gates.admit(tenantId, askOf(scene));
}
