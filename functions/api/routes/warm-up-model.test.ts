import { describe, expect, it } from 'vitest';
import { createCatalog } from '#core/models/manifest.ts';
import { sampleAlias, sampleTenant } from '#core/samples.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createAdminScene } from '../admin-scene.ts';
import { createApiScene } from '../api-scene.ts';

const path = '/v1/models/fake-image/warmup';
const body = { for_s: 600 };

function limited(overrides: TenantRecord['overrides']): TenantRecord {
  return sampleTenant({ overrides });
}

describe('202', () => {
  it('says until when, by when a worker is expected, and what it costs', async () => {
    const scene = await createApiScene();

    const got = await scene.send('warmUpModel', path, { body });

    const at = (seconds: number) => new Date(scene.clock.nowMs() + seconds * 1_000).toISOString();
    expect(got.status).toBe(202);
    expect(got.json).toEqual({
      id: expect.stringMatching(/^warmup_[0-9a-z]{26}$/),
      object: 'warmup',
      model: 'fake-image',
      pool: 'fake',
      state: 'warming',
      from: at(0),
      until: at(600),
      ready_at: at(60),
      ready_at_p90: at(150.15),
      cost_usd_micros: 600_000,
    });
    expect(scene.woken).toEqual(['fake']);
  });

  it('takes a quarter of an hour unless told', async () => {
    const scene = await createApiScene();

    const got = await scene.send('warmUpModel', path, { body: {} });

    expect(got.json.cost_usd_micros).toBe(900_000);
  });

  it('is ready at once where a worker serves', async () => {
    const scene = await createApiScene();
    await scene.pools.move('fake', ['cold'], 'idle', scene.clock.nowMs());

    const got = await scene.send('warmUpModel', path, { body });

    const now = new Date(scene.clock.nowMs()).toISOString();
    expect(got.json).toMatchObject({ state: 'warm', ready_at: now, ready_at_p90: now });
  });

  it('does without an estimate when the pool cannot be looked at for one', async () => {
    const world = await createApiScene();
    const workers = { ...world.workers, list: async () => Promise.reject(new Error('out of reach')) };
    const scene = await createApiScene({ change: { workers } });

    const got = await scene.send('warmUpModel', path, { body });

    expect(got.json).toMatchObject({ ready_at: null, ready_at_p90: null, cost_usd_micros: 600_000 });
  });

  it('is answered again, and paid for once, under the same key and without one', async () => {
    const keys: Record<string, string>[] = [{ 'idempotency-key': 'launch' }, {}];
    for (const headers of keys) {
      const scene = await createApiScene();

      const first = await scene.send('warmUpModel', path, { body, headers });
      const again = await scene.send('warmUpModel', path, { body, headers });

      expect(first.headers).not.toHaveProperty('idempotency-replayed');
      expect(again.headers['idempotency-replayed']).toBe('true');
      expect(again.json).toEqual(first.json);
      const usage = await scene.sendRaw('GET', '/v1/usage', {
        key: await scene.addKey('tenant-a', ['usage:read']),
      });
      expect(usage.json.total).toMatchObject({
        jobs: 0,
        cost_usd_micros: 600_000,
        warmup_usd_micros: 600_000,
      });
    }
  });

  it('tells the version that an alias gives the tenant', async () => {
    const catalog = createCatalog([fakeManifest, { ...fakeManifest, id: 'fake-image-v2' }]);
    const scene = await createApiScene({ change: { catalog } });
    const versions = [{ version: 'v2', model: 'fake-image-v2', weight: 1 }];
    await scene.aliases.put(sampleAlias({ family: 'fake-image', versions }));

    const got = await scene.send('warmUpModel', '/v1/models/fake-image:stable/warmup', { body });

    expect(got.json).toMatchObject({ model: 'fake-image-v2', pool: 'fake' });
  });

  it('counts as a request, and says how many are left', async () => {
    const scene = await createApiScene({ tenant: limited({ requests_per_minute: 3 }) });

    const got = await scene.send('warmUpModel', path, { body });

    expect(got.headers['x-ratelimit-remaining-requests']).toBe('2');
  });

  it('stands in the operator’s view of the pool and of the ledger', async () => {
    const scene = await createAdminScene();
    const { json } = await scene.send('warmUpModel', path, { body });

    const pool = await scene.ask('adminGetPool', '/admin/v1/pools/fake');
    const ledger = await scene.ask('adminListLedger', '/admin/v1/tenants/tenant-a/ledger');

    expect(pool.json.warmups).toEqual([{ tenant: 'tenant-a', model: 'fake-image', until: json.until }]);
    expect(ledger.json.data).toMatchObject([
      {
        kind: 'warmup',
        job: null,
        warmup: { id: json.id, from: json.from, until: json.until },
        model: 'fake-image',
        pool: 'fake',
        key: 'key00001',
        outcome: 'kept',
        usd_micros: 600_000,
      },
    ]);
  });
});

describe('400', () => {
  it.each([
    [{ for_s: 59 }, 'for_s'],
    [{ for_s: 86_401 }, 'for_s'],
    [{ for_s: 60.5 }, 'for_s'],
    [{ for_s: '10m' }, 'for_s'],
    [{ for_s: 60, workers: 2 }, 'workers'],
  ])('names the field at fault in %j, and nothing is paid', async (sent, param) => {
    const scene = await createApiScene();

    const got = await scene.send('warmUpModel', path, { body: sent });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect((await scene.gates.read('tenant-a'))?.counters).toEqual({});
  });

  it('needs a body of JSON', async () => {
    const scene = await createApiScene();

    expect((await scene.send('warmUpModel', path)).status).toBe(400);
    expect((await scene.send('warmUpModel', path, { rawBody: '{' })).json.error.code).toBe('invalid_json');
  });
});

describe('401', () => {
  it('asks for a key', async () => {
    const scene = await createApiScene();

    expect((await scene.send('warmUpModel', path, { key: null, body })).status).toBe(401);
  });
});

describe('402', () => {
  it('names the hard budget, what is spent and when it clears', async () => {
    const scene = await createApiScene({ tenant: limited({ budget_usd_micros_per_month: 900_000 }) });
    await scene.send('warmUpModel', path, { body });

    const got = await scene.send('warmUpModel', path, { body: { for_s: 1_200 } });

    expect(got.json.error).toMatchObject({
      code: 'budget_exhausted',
      message:
        'The limit budget_usd_micros_per_month leaves no room for this warm-up: 0.6 of 0.9 USD are spent or reserved. ' +
        'It clears at 2030-04-01T00:00:00.000Z.',
    });
  });
});

describe('403', () => {
  it('refuses a key without the scope, a suspended tenant, and a model that is not granted', async () => {
    const scene = await createApiScene();
    const reader = await scene.addKey('tenant-a', ['jobs:read']);
    const suspended = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', status: 'suspended' }));
    const other = await scene.addTenant(sampleTenant({ tenantId: 'tenant-c', models: ['other'] }));

    const codes = await Promise.all(
      [reader, suspended, other].map(async (key) => {
        const got = await scene.send('warmUpModel', path, { key, body });
        return [got.status, got.json.error.code];
      }),
    );

    expect(codes).toEqual([
      [403, 'missing_scope'],
      [403, 'tenant_suspended'],
      [403, 'model_not_granted'],
    ]);
    expect((await scene.pools.read('fake')).orders.warmups).toEqual([]);
  });
});

describe('404', () => {
  it.each(['other', 'constructor', '__proto__', 'fake-image:none'])('has no model %s', async (id) => {
    const scene = await createApiScene();

    const got = await scene.send('warmUpModel', `/v1/models/${id}/warmup`, { body });

    expect(got.json.error.code).toBe('model_not_found');
  });
});

describe('409', () => {
  it('warms up no paused pool, and takes no money for it', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminPausePool', '/admin/v1/pools/fake/pause');

    const got = await scene.send('warmUpModel', path, { body });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: 'The pool of this model is paused by its operator.',
    });
    expect((await scene.gates.read('tenant-a'))?.counters).toEqual({});
  });

  it('says that nothing was paid when the pool was paused whenever it was tried', async () => {
    const world = await createApiScene();
    const order = async (..._asked: unknown[]) => 'refused' as const;
    const scene = await createApiScene({ change: { pools: { ...world.pools, order } } });

    for (let call = 0; call < 2; call += 1) {
      const { json } = await scene.send('warmUpModel', path, { body });
      expect(json.error.code).toBe('idempotency_in_flight');
    }
    const got = await scene.send('warmUpModel', path, { body });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: 'The pool could not take this warm-up, and nothing was paid. Ask again as a new request.',
    });
    const { limits } = (await scene.send('getLimits', '/v1/limits')).json;
    const spent = limits.find(({ name }: { name: string }) => name === 'budget_usd_micros_per_month');
    expect(spent).toMatchObject({ used: 0 });
  });

  it('asks to come again when others keep coming first', async () => {
    const world = await createApiScene();
    const gates = { ...world.gates, admit: async () => ({ kind: 'duplicate' }) as const };
    const scene = await createApiScene({ change: { gates } });

    const got = await scene.send('warmUpModel', path, { body });

    expect(got.json.error).toMatchObject({ code: 'idempotency_in_flight', retryable: true });
    expect(got.headers['retry-after']).toBe('1');
  });
});

describe('413 and 415', () => {
  it('reads no body that is too large, and none that is not JSON', async () => {
    const scene = await createApiScene();

    const large = await scene.send('warmUpModel', path, { body: { for_s: 60, more: 'x'.repeat(200_000) } });
    const text = await scene.send('warmUpModel', path, {
      rawBody: 'for_s=60',
      headers: { 'Content-Type': 'text/plain' },
    });

    expect([large.status, text.status]).toEqual([413, 415]);
  });
});

describe('422', () => {
  it('refuses another body under the same key', async () => {
    const scene = await createApiScene();
    const headers = { 'idempotency-key': 'launch' };
    await scene.send('warmUpModel', path, { body, headers });

    const got = await scene.send('warmUpModel', path, { body: { for_s: 601 }, headers });

    expect(got.json.error).toMatchObject({ code: 'idempotency_mismatch', param: 'idempotency-key' });
  });
});

describe('429', () => {
  it('names the cap of the day, what is used of it and when it clears', async () => {
    const scene = await createApiScene({ tenant: limited({ warmup_usd_micros_per_day: 700_000 }) });
    await scene.send('warmUpModel', path, { body });

    const got = await scene.send('warmUpModel', path, { body: { for_s: 1_200 } });

    expect(got.json.error).toMatchObject({
      code: 'quota_exceeded',
      message:
        'The limit warmup_usd_micros_per_day leaves no room for this warm-up: 0.6 of 0.7 USD are spent or reserved. ' +
        'It clears in 22400 s, at 2030-03-18T00:00:00.000Z.',
    });
    expect(got.headers['retry-after']).toBe('22400');
  });

  it('says so where not even a day has room for it, as in the free plan', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ plan: 'free' }) });

    const got = await scene.send('warmUpModel', path, { body });

    expect(got.json.error).toMatchObject({
      code: 'quota_exceeded',
      message:
        'The limit warmup_usd_micros_per_day leaves no room for this warm-up: 0 of 0 USD are spent or reserved. ' +
        'The warm-up asks for more than the whole limit, so waiting does not help.',
    });
    expect(got.headers).not.toHaveProperty('retry-after');
  });

  it('names a limit of requests', async () => {
    const scene = await createApiScene({ tenant: limited({ requests_per_minute: 1 }) });
    await scene.submit();

    const got = await scene.send('warmUpModel', path, { body });

    expect(got.json.error).toMatchObject({ code: 'rate_limit_exceeded' });
    expect(got.headers['x-ratelimit-remaining-requests']).toBe('0');
  });
});
