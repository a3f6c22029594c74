import { presentPromptPolicy } from '#core/api/tenancy-resource.ts';
import type { RouteHandler } from '../route-handler.ts';
import { changeTenant, mergeOverrides, ownPlan } from '../tenancy.ts';

/** Counts for every request of the tenant within the half minute that keys are remembered. */
export const adminPutPromptPolicy: RouteHandler<'adminPutPromptPolicy'> = async (deps, { params, body }) => {
  const { mode, tokens_max, terms } = body;
  const tenant = await changeTenant(deps, params.id, ({ overrides }) => ({
    overrides: mergeOverrides(overrides, { prompt_policy: mode, prompt_tokens_max: tokens_max }),
    promptTerms: terms,
  }));
  return { status: 200, body: presentPromptPolicy(tenant, await ownPlan(deps, tenant.plan)) };
};
