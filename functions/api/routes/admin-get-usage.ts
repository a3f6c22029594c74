import { readUsageOfAll } from '#core/flows/usage.ts';
import type { RouteHandler } from '../route-handler.ts';
import { answerUsage } from '../usage-answer.ts';

export const adminGetUsage: RouteHandler<'adminGetUsage'> = (deps, { query }) =>
  answerUsage(query, deps.clock.nowMs(), (ask) => readUsageOfAll(deps, ask));
