import { describe, expect, it } from 'vitest';
import { keyMatches } from '#aws/key-hash.ts';
import type { SecretStore } from '#aws/ssm-secret-store.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryWorld } from '#sim/memory/memory-world.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createSeededIds } from '#sim/memory/seeded-ids.ts';
import { setUp } from './set-up.ts';

const names = { keyPepper: '/p/key-pepper', webhookKey: '/p/webhook-key', operatorKey: '/p/operator-key' };
const studio = { limits: { weight: 8, open_jobs_max: 50 }, models: ['fake-image'] };

function memorySecrets(): SecretStore & { readonly stored: Map<string, string> } {
  const stored = new Map<string, string>();
  return {
    stored,
    read: async (name) => stored.get(name) ?? null,
    async create(name, value) {
      if (stored.has(name)) return 'exists';
      stored.set(name, value);
      return 'created';
    },
    async remove(name) {
      stored.delete(name);
    },
    async replace(name, value) {
      stored.set(name, value);
    },
  };
}

function scene() {
  const log = createRecordingLog();
  const world = createMemoryWorld({ clock: createManualClock(1_000), ids: createSeededIds(1) });
  const secrets = memorySecrets();
  const ports = { ...world, log, secrets };
  const run = (plans = {}) => setUp(ports, names, plans);
  const operatorKey = () => secrets.stored.get(names.operatorKey) ?? '';
  return { ...ports, run, operatorKey };
}

describe('a new deployment', () => {
  it("has secrets of 32 random bytes and an operator's key that opens with them", async () => {
    const { run, secrets, keys, operatorKey } = scene();

    await run();

    const pepper = secrets.stored.get(names.keyPepper) ?? '';
    expect(pepper).toMatch(/^[0-9a-f]{64}$/);
    expect(secrets.stored.get(names.webhookKey)).toMatch(/^[0-9a-f]{64}$/);
    expect(secrets.stored.get(names.webhookKey)).not.toBe(pepper);
    const record = await keys.get(keyIdOf(operatorKey()) ?? '');
    expect(record).toMatchObject({ tenantId: 'operator', scopes: ['admin'] });
    expect(keyMatches(operatorKey(), pepper, record?.hash ?? '')).toBe(true);
  });

  it('logs no secret', async () => {
    const { run, secrets, log } = scene();

    await run();

    const lines = JSON.stringify(log.lines);
    expect(log.events()).toContain('setup.operator_key_made');
    for (const secret of secrets.stored.values()) expect(lines).not.toContain(secret);
  });

  it('has the plans of its config', async () => {
    const { run, plans } = scene();

    await run({ studio });

    expect(await plans.get('studio')).toMatchObject({ ...studio, version: 1, removedAtMs: null });
  });
});

describe('the next deployment', () => {
  it('changes nothing', async () => {
    const { run, secrets, plans, log } = scene();
    await run({ studio });
    const before = new Map(secrets.stored);
    const events = log.events().length;

    await run({ studio });

    expect(secrets.stored).toEqual(before);
    expect((await plans.get('studio'))?.version).toBe(1);
    expect(log.events()).toHaveLength(events);
  });

  it('stores a plan that has changed, and leaves others of the operator alone', async () => {
    const { run, plans } = scene();
    await run({ studio });
    await plans.put({
      name: 'own',
      limits: { weight: 1, open_jobs_max: 1 },
      createdAtMs: 0,
      removedAtMs: null,
      version: 1,
    });

    await run({ studio: { limits: { ...studio.limits, weight: 9 } } });

    expect(await plans.get('studio')).toMatchObject({ limits: { weight: 9 }, version: 2 });
    expect((await plans.get('studio'))?.models).toBeUndefined();
    expect(await plans.get('own')).toMatchObject({ version: 1 });
  });

  it('revives a plan that was removed', async () => {
    const { run, plans } = scene();
    await run({ studio });
    const plan = await plans.get('studio');
    if (plan !== null) await plans.put({ ...plan, removedAtMs: 5, version: 2 });

    await run({ studio });

    expect(await plans.get('studio')).toMatchObject({ removedAtMs: null, version: 3 });
  });

  it.each(['revoked', 'of tables that are gone'])(
    "makes a new operator's key where the stored one is %s",
    async (why) => {
      const { run, secrets, keys, operatorKey } = scene();
      await run();
      const first = operatorKey();
      if (why === 'revoked') await keys.revoke('operator', keyIdOf(first) ?? '', 1_000);
      else secrets.stored.set(names.operatorKey, 'plk_no key of ours');

      await run();

      expect(operatorKey()).not.toBe(first);
      expect(await keys.get(keyIdOf(operatorKey()) ?? '')).toMatchObject({ revokedAtMs: null });
    },
  );

  it('completes one that died between any two of its steps', async () => {
    for (let survived = 0; survived < 12; survived += 1) {
      const { run, secrets, keys, operatorKey, ...ports } = scene();
      let calls = 0;
      const dies = <T extends object>(port: T): T =>
        new Proxy(port, {
          get: (target, name) => {
            const method: unknown = Reflect.get(target, name);
            return async (...args: unknown[]) => {
              calls += 1;
              if (calls > survived || typeof method !== 'function') throw new Error('the process died');
              return method(...args);
            };
          },
        });
      const mortal = {
        ...ports,
        keys: dies(keys),
        secrets: dies(secrets),
        tenants: dies(ports.tenants),
        plans: dies(ports.plans),
      };
      await setUp(mortal, names, { studio }).catch(() => undefined);
      const pepper = secrets.stored.get(names.keyPepper);

      await run({ studio });

      if (pepper !== undefined) expect(secrets.stored.get(names.keyPepper)).toBe(pepper);
      expect(await keys.get(keyIdOf(operatorKey()) ?? '')).toMatchObject({ scopes: ['admin'] });
      expect(await ports.plans.get('studio')).toMatchObject(studio);
    }
  });
});

describe('two at once', () => {
  it('agree on every secret', async () => {
    const { run, secrets, keys, operatorKey } = scene();

    await Promise.all([run(), run()]);

    const record = await keys.get(keyIdOf(operatorKey()) ?? '');
    expect(keyMatches(operatorKey(), secrets.stored.get(names.keyPepper) ?? '', record?.hash ?? '')).toBe(
      true,
    );
  });
});
