/** What the pools are in this account, by environment: the scaler function reads it and CDK sets it. */
import * as z from 'zod';
import { json } from './env.ts';

const nameSchema = z.string().min(1);

const poolFleetSchema = z.object({
  /** ECS service of the pool's workers: name or ARN. */
  service: nameSchema,
  /** Auto Scaling groups of the pool's instances. */
  groups: z
    .object({ on_demand: nameSchema.optional(), spot: nameSchema.optional() })
    .refine((groups) => Object.values(groups).some((name) => name !== undefined), 'must name a group'),
  /** Workers that share the card of one instance. */
  workersPerInstance: z.int().min(1).max(48).default(1),
  /** So many of the pool's instances are on-demand before any is spot. */
  onDemandFirst: z.int().nonnegative().default(0),
  /** Of those beyond, the share that should be spot. */
  spotPercent: z.int().min(0).max(100).default(0),
  /** Workers that stay up without work. */
  workersMin: z.int().nonnegative().default(0),
  /** Cost cap: never more. */
  workersMax: z.int().positive(),
  /** How long the pool stays up without work. */
  idleTimeoutMs: z.int().nonnegative(),
});

export const fleetSchema = z.object({
  /** ECS cluster of every pool: name or ARN. */
  cluster: nameSchema,
  pools: z.record(z.string(), poolFleetSchema),
});

export const fleetEnvSchema = z.object({
  /** JSON object `{cluster, pools}`: where the workers of each pool run, and how many there may be. */
  PILOTLIGHT_FLEET: json.pipe(fleetSchema),
});

export type FleetConfig = z.output<typeof fleetSchema>;
/** What CDK writes into the variable. */
export type FleetConfigInput = z.input<typeof fleetSchema>;
export type PoolFleetConfig = z.output<typeof poolFleetSchema>;
