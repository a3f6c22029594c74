/** How tenants are billed and what instances cost, by environment: on AWS and on a laptop alike. All of it optional. */
import * as z from 'zod';
import type { CostSettings } from '#core/billing/cost-settings.ts';
import { costSettings } from '#core/billing/cost-settings.ts';
import { pricings } from '#core/billing/statement.ts';
import { StartError } from '#core/errors.ts';
import type { Catalog } from '#core/models/manifest.ts';
import { json } from './env.ts';

export const costEnvSchema = z.object({
  /** `list`: tenants pay the price of their jobs. `at_cost`: a month's close shares out what is over. */
  PILOTLIGHT_PRICING: z.enum(pricings).default('list'),
  /** JSON object: micro-USD an hour of one instance, by pool; else the highest price of the pool's models. */
  PILOTLIGHT_INSTANCE_PRICES: json.pipe(z.record(z.string(), z.int().nonnegative())).default({}),
});

export type CostEnv = z.input<typeof costEnvSchema>;

/** @throws StartError `invalid_environment` for the price of a pool that no model has */
export function costSettingsOf(env: z.output<typeof costEnvSchema>, catalog: Catalog): CostSettings {
  const given = { pricing: env.PILOTLIGHT_PRICING, instancePrices: env.PILOTLIGHT_INSTANCE_PRICES };
  const outcome = costSettings(given, catalog);
  if (outcome.kind === 'settings') return outcome.settings;
  const pools = outcome.pools.join(', ');
  throw new StartError('invalid_environment', `PILOTLIGHT_INSTANCE_PRICES: no model has the pool ${pools}`);
}
