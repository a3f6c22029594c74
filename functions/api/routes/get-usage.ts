import { readUsage } from '#core/flows/usage.ts';
import type { RouteHandler } from '../route-handler.ts';
import { answerUsage } from '../usage-answer.ts';

export const getUsage: RouteHandler<'getUsage'> = (deps, { caller, query }) =>
  answerUsage(query, deps.clock.nowMs(), (ask) => readUsage(deps, caller.tenant.tenantId, ask));
