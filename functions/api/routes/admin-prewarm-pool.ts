import { grantedWorkers } from '#core/flows/order-pool.ts';
import { findPool, ordered } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

/** The answer's `prewarm` says how many of the workers asked for it keeps up, and until when. */
export const adminPrewarmPool: RouteHandler<'adminPrewarmPool'> = async (deps, { params, body }) => {
  const pool = await findPool(deps, params.pool);
  const workers = await grantedWorkers(deps, pool, body.workers);
  return ordered(deps, pool, {
    kind: 'prewarm',
    workers,
    untilMs: deps.clock.nowMs() + body.for_s * 1_000,
  });
};
