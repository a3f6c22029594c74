/**
 * What a refused key costs: the same calls of the same ports in the same order, and the same answer to the byte,
 * whatever is wrong with it and whatever memory holds. `npm run bench -- key-timing` holds the clock to it.
 */
import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene, eventOf } from './api-scene.ts';
import { refusedKeys } from './refused-keys.ts';

const names = [
  'unknown',
  'wrong secret',
  'revoked',
  'expired',
  "another tenant's, at one tenant's door",
] as const;

describe('a key that is refused', () => {
  it.each(names)('costs one read of the key and nothing else, remembered or not: %s', async (name) => {
    const { calls, ask } = await countingScene();

    const first = await ask(name);
    const second = await ask(name);

    expect(first).toBe(second);
    expect(calls).toEqual(['keys.get', 'keys.get']);
  });

  it.each(names)('is answered as an unknown one, to the byte: %s', async (name) => {
    const { ask } = await countingScene();

    expect(await ask(name)).toBe(await ask('unknown'));
  });

  it('costs no more when the right secret of its id is in memory, and leaves it there', async () => {
    const { calls, ask, askWell } = await countingScene();
    await askWell();
    calls.length = 0;

    await ask('wrong secret');
    expect(calls).toEqual(['keys.get']);

    await askWell();
    expect(calls.filter((call) => call === 'keys.get')).toHaveLength(1);
  });

  it('is refused in the same way while the right secret of its id is being looked up', async () => {
    const { calls, ask, askWell } = await countingScene();

    const [well, refused] = await Promise.all([askWell(), ask('wrong secret')]);

    expect([well, JSON.parse(refused).statusCode]).toEqual([200, 401]);
    expect(calls.filter((call) => call === 'keys.get')).toHaveLength(2);
  });

  it('pushes nobody out of memory, however many made-up ids are tried', async () => {
    const { calls, askWell, askUnknown } = await countingScene();
    await askWell();
    await Promise.all(Array.from({ length: 5_000 }, (_, index) => askUnknown(index)));
    calls.length = 0;

    await askWell();

    expect(calls).not.toContain('keys.get');
  });
});

/** A scene that notes every call of the ports that the edge looks keys up with. */
async function countingScene() {
  const calls: string[] = [];
  const base = await createApiScene();
  await base.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
  const counted = <T extends object>(port: T, name: string): T =>
    new Proxy(port, {
      get: (target, method) => {
        const found: unknown = Reflect.get(target, method);
        if (typeof found !== 'function') return found;
        return (...args: unknown[]) => {
          calls.push(`${name}.${String(method)}`);
          return found.apply(target, args);
        };
      },
    });
  const scene = await createApiScene({
    change: {
      ...base,
      keys: counted(base.keys, 'keys'),
      tenants: counted(base.tenants, 'tenants'),
      plans: counted(base.plans, 'plans'),
    },
  });
  const refused = await refusedKeys(base);
  const askWith = async (key: string, door: string | null = null) => {
    const event = eventOf('GET', '/v1/limits', { headers: { 'x-request-id': 'the-same-id' } }, key);
    // A door stands where an authorizer's words do, as the local stack puts it.
    if (door !== null) Object.assign(event, { requestContext: { authorizer: { pilotlightTenant: door } } });
    return scene.handler(event, {} as Parameters<typeof scene.handler>[1]);
  };
  return {
    calls,
    ask: async (name: (typeof names)[number]) =>
      JSON.stringify(await askWith(refused[name].key, refused[name].door)),
    askWell: async () => (await askWith(refused.held.key)).statusCode,
    askUnknown: async (index: number) => (await askWith(refused.unknownOf(index).key)).statusCode,
  };
}
