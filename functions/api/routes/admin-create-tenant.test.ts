import { describe, expect, it } from 'vitest';
import { samplePlan } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';
import type { TenantPorts } from '../api-deps.ts';

const path = '/admin/v1/tenants';

describe('201', () => {
  it('makes a tenant with its limits, and a key that works at once', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCreateTenant', path, {
      id: 'companyA',
      plan: 'pro',
      requests_per_minute: 30,
    });

    expect(got.status).toBe(201);
    expect(got.json.tenant).toMatchObject({
      id: 'companyA',
      plan: 'pro',
      status: 'active',
      overrides: { requests_per_minute: 30 },
      limits: { weight: 4, requests_per_minute: 30 },
      models: null,
      port: null,
    });
    const submitted = await scene.tryKey(got.json.key.secret);
    expect(submitted.status).toBe(202);
    expect(submitted.headers['x-ratelimit-limit-requests']).toBe('30');
  });

  it('gives the first key every scope but admin, and stores no secret', async () => {
    const scene = await createAdminScene();

    const { json } = await scene.ask('adminCreateTenant', path, { id: 'company-a' });

    const stored = await scene.keys.get(json.key.id);
    expect(stored).toMatchObject({ tenantId: 'company-a', label: 'first key' });
    expect(stored?.scopes).toContain('keys:write');
    expect(stored?.scopes).not.toContain('admin');
    expect(JSON.stringify(stored)).not.toContain(json.key.secret.slice(13, 56));
    expect(json.tenant.plan).toBe('free');
  });

  it('leaves no secret in the log', async () => {
    const scene = await createAdminScene();

    const { json } = await scene.ask('adminCreateTenant', path, { id: 'company-a' });
    await scene.tryKey(json.key.secret);

    expect(JSON.stringify(scene.log.lines)).not.toMatch(/plk_/);
    expect(JSON.stringify(scene.log.lines)).not.toContain(json.key.secret.slice(13, 56));
  });

  it("puts it on a plan of the operator's own", async () => {
    const scene = await createAdminScene();
    await scene.plans.put(samplePlan({ limits: { weight: 8, open_jobs_max: 50, requests_per_minute: 2 } }));

    const { json } = await scene.ask('adminCreateTenant', path, { id: 'company-a', plan: 'studio' });

    expect(json.tenant).toMatchObject({ plan: 'studio', overrides: {}, limits: { weight: 8 } });
    const statuses = [];
    for (let tries = 0; tries < 3; tries += 1) statuses.push((await scene.tryKey(json.key.secret)).status);
    expect(statuses).toEqual([202, 202, 429]);
  });

  it('opens a port where the platform has ports to give', async () => {
    const { tenantPorts, opened } = recordingPorts();
    const scene = await createAdminScene({ change: { tenantPorts } });

    const { json } = await scene.ask('adminCreateTenant', path, { id: 'company-a', port: 30_001 });

    expect(json.tenant.port).toBe(30_001);
    expect(opened).toEqual(new Map([['company-a', 30_001]]));
  });
});

describe('400', () => {
  it.each([
    [{ id: 'a', plan: 'gold' }, 'plan'],
    [{ id: 'a.b' }, 'id'],
    [{ plan: 'pro' }, 'id'],
    [{ id: 'a', weight: -1 }, 'weight'],
    [{ id: 'a', requests_per_minute: -5 }, 'requests_per_minute'],
    [{ id: 'a', requests_per_minute: 1.5 }, 'requests_per_minute'],
    [{ id: 'a', requests_per_minute: 20, requests_per_day: 10 }, 'requests_per_minute'],
    [{ id: 'a', plan: 'free', requests_per_minute: 201 }, 'requests_per_minute'],
    [{ id: 'a', models: ['fake-image', 'other'] }, 'models.1'],
    [{ id: 'a', gpu_memory: 10 }, 'gpu_memory'],
    [{ id: 'a', port: 80 }, 'port'],
  ])('names the field at fault in %j', async (body, param) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCreateTenant', path, body);

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect(await scene.tenants.get('a')).toBeNull();
  });

  it('takes no removed plan', async () => {
    const scene = await createAdminScene();
    await scene.plans.put(samplePlan({ removedAtMs: 1 }));

    const got = await scene.ask('adminCreateTenant', path, { id: 'a', plan: 'studio' });

    expect(got.json.error.details).toEqual([{ path: 'plan', message: 'there is no such plan' }]);
  });

  it('takes no port that something else listens on, or that this platform cannot give', async () => {
    const { tenantPorts } = recordingPorts('taken');
    const scene = await createAdminScene();
    const local = await createAdminScene({ change: { tenantPorts } });

    for (const each of [scene, local]) {
      const got = await each.ask('adminCreateTenant', path, { id: 'a', port: 30_001 });
      expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'port' });
      expect(await each.tenants.get('a')).toBeNull();
    }
  });
});

describe('403', () => {
  it("is not for a tenant's own key, whatever its other scopes", async () => {
    const scene = await createAdminScene();
    const { json } = await scene.ask('adminCreateTenant', path, { id: 'company-a' });

    const got = await scene.ask('adminCreateTenant', path, { id: 'b' }, { key: json.key.secret });

    expect(got.json.error.code).toBe('missing_scope');
  });
});

describe('409', () => {
  it('takes no id twice, not by case and not after it was deleted, and leaves its port alone', async () => {
    const { tenantPorts, opened } = recordingPorts();
    const scene = await createAdminScene({ change: { tenantPorts } });
    await scene.ask('adminCreateTenant', path, { id: 'companyA', port: 30_001 });
    const again = () => scene.ask('adminCreateTenant', path, { id: 'companyA', port: 30_002 });

    const outcomes = [await again(), await scene.ask('adminCreateTenant', path, { id: 'COMPANYA' })];
    expect(opened.get('companyA')).toBe(30_001);
    await scene.ask('adminDeleteTenant', `${path}/companyA`);
    outcomes.push(await again());

    expect(outcomes.map(({ json }) => json.error.code)).toEqual(['conflict', 'conflict', 'conflict']);
  });

  it('closes the port again when somebody else was quicker', async () => {
    const { tenantPorts, opened } = recordingPorts();
    const base = await createAdminScene();
    const tenants = { ...base.tenants, create: async () => 'exists' as const };
    const scene = await createAdminScene({ change: { tenantPorts, tenants } });

    const got = await scene.ask('adminCreateTenant', path, { id: 'a', port: 30_001 });

    expect([got.status, opened.size]).toEqual([409, 0]);
  });
});

function recordingPorts(outcome: 'opened' | 'taken' = 'opened') {
  const opened = new Map<string, number>();
  const tenantPorts: TenantPorts = {
    async open(tenantId, port) {
      if (outcome === 'opened') opened.set(tenantId, port);
      return outcome;
    },
    async close(tenantId) {
      opened.delete(tenantId);
    },
    portOf: (tenantId) => opened.get(tenantId) ?? null,
  };
  return { tenantPorts, opened };
}
