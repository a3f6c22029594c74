import { describe, expect, it } from 'vitest';
import { createCatalog } from '#core/models/manifest.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { costEnvSchema, costSettingsOf } from './cost-env.ts';
import { parseEnv } from './env.ts';

const catalog = createCatalog([
  { ...fakeManifest, id: 'cheap', usd_micros_per_gpu_hour: 5 },
  { ...fakeManifest, id: 'dear', usd_micros_per_gpu_hour: 9 },
  { ...fakeManifest, id: 'else', pool: 'else', usd_micros_per_gpu_hour: 7 },
]);

function settingsOf(env: Record<string, string>) {
  return costSettingsOf(parseEnv(costEnvSchema, env), catalog);
}

describe('the cost settings', () => {
  it('are list prices and the dearest model of each pool, unless something else is said', () => {
    const settings = settingsOf({});

    expect(settings.pricing).toBe('list');
    expect(settings.usdMicrosPerHour('fake')).toBe(9);
    expect(settings.usdMicrosPerHour('else')).toBe(7);
  });

  it('take the price of an instance from the environment, free ones too', () => {
    const settings = settingsOf({
      PILOTLIGHT_PRICING: 'at_cost',
      PILOTLIGHT_INSTANCE_PRICES: '{"fake":0}',
    });

    expect(settings.pricing).toBe('at_cost');
    expect(settings.usdMicrosPerHour('fake')).toBe(0);
    expect(settings.usdMicrosPerHour('else')).toBe(7);
  });

  it.each([
    [{ PILOTLIGHT_PRICING: 'free' }, 'PILOTLIGHT_PRICING'],
    [{ PILOTLIGHT_INSTANCE_PRICES: 'fake=1' }, 'PILOTLIGHT_INSTANCE_PRICES: must be JSON'],
    [{ PILOTLIGHT_INSTANCE_PRICES: '{"fake":-1}' }, 'PILOTLIGHT_INSTANCE_PRICES.fake'],
    [{ PILOTLIGHT_INSTANCE_PRICES: '{"fake":0.5}' }, 'PILOTLIGHT_INSTANCE_PRICES.fake'],
    [{ PILOTLIGHT_INSTANCE_PRICES: '{"fkae":1}' }, 'no model has the pool fkae'],
  ])('refuse %j and say what is wrong', (env, fault) => {
    expect(() => settingsOf(env)).toThrow(fault);
  });
});
