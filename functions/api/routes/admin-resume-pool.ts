import { ordered } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminResumePool: RouteHandler<'adminResumePool'> = (deps, { params }) =>
  ordered(deps, params.pool, { kind: 'resume' });
