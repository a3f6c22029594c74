import { presentPlan } from '#core/api/tenancy-resource.ts';
import { planNames, plans } from '#core/tenancy/plans.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminListPlans: RouteHandler<'adminListPlans'> = async (deps, { query }) => {
  const page = await deps.plans.list(query.cursor);
  const shipped = query.cursor === undefined ? planNames : [];
  const own = page.items.filter(({ removedAtMs }) => removedAtMs === null);
  const data = [
    ...shipped.map((name) => presentPlan(name, plans[name], true)),
    ...own.map(({ name, limits }) => presentPlan(name, limits, false)),
  ];
  return { status: 200, body: { object: 'list', data, next_cursor: page.cursor } };
};
