import { ordered } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminPausePool: RouteHandler<'adminPausePool'> = (deps, { params }) =>
  ordered(deps, params.pool, { kind: 'pause', atMs: deps.clock.nowMs() });
