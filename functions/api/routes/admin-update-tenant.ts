import type { RouteHandler } from '../route-handler.ts';
import { changeTenant, checkLimits, mergeOverrides, presentOneTenant } from '../tenancy.ts';

/** What is in the request replaces what is stored; `null` takes an override away. */
export const adminUpdateTenant: RouteHandler<'adminUpdateTenant'> = async (deps, { params, body }) => {
  const { plan: newPlan, ...limits } = body;
  const tenant = await changeTenant(deps, params.id, async (before) => {
    const plan = newPlan ?? before.plan;
    const overrides = mergeOverrides(before.overrides, limits);
    await checkLimits(deps, { plan, overrides }, { planIsNew: plan !== before.plan });
    return { plan, overrides };
  });
  return { status: 200, body: await presentOneTenant(deps, tenant) };
};
