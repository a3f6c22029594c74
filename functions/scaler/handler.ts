/**
 * Decides for each pool that an invocation is about how many workers it has, and brings its instances in line. Decisions of
 * one pool at once are harmless; that the function runs once at a time only saves calls.
 */
import type { EcsFleet } from '#aws/ecs-fleet.ts';
import type { FleetConfig } from '#aws/fleet-env.ts';
import type { ScalePorts } from '#core/flows/scale.ts';
import { scale } from '#core/flows/scale.ts';
import { poolsOf } from './pools-of.ts';

export interface ScalerDeps extends Omit<ScalePorts, 'fleet'> {
  readonly fleet: EcsFleet;
  readonly config: FleetConfig;
}

/** Every pool is tried; the invocation fails, and is retried, where one of them failed. */
export function createScalerHandler(deps: ScalerDeps): (event: unknown) => Promise<void> {
  const { config, fleet, log } = deps;
  return async (event) => {
    const pools = poolsOf(event, Object.keys(config.pools));
    const outcomes = await Promise.allSettled(
      pools.map(async (pool) => {
        const bounds = config.pools[pool];
        if (bounds === undefined) return;
        await scale(deps, pool, bounds);
        await fleet.level(pool);
      }),
    );
    const failed = outcomes.flatMap((outcome, index) => {
      if (outcome.status === 'fulfilled') return [];
      log.error('scale.failed', { pool: pools[index], reason: String(outcome.reason) });
      return [pools[index]];
    });
    if (failed.length > 0) throw new Error(`no decision for ${failed.join(', ')}`);
  };
}
