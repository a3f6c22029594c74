import { presentPromptPolicy } from '#core/api/tenancy-resource.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant, ownPlan } from '../tenancy.ts';

export const adminGetPromptPolicy: RouteHandler<'adminGetPromptPolicy'> = async (deps, { params }) => {
  const tenant = await findTenant(deps, params.id);
  return { status: 200, body: presentPromptPolicy(tenant, await ownPlan(deps, tenant.plan)) };
};
