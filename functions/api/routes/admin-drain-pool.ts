import { ordered } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminDrainPool: RouteHandler<'adminDrainPool'> = (deps, { params }) =>
  ordered(deps, params.pool, { kind: 'drain', atMs: deps.clock.nowMs() });
