/**
 * Removes a plan that no tenant is on. The record stays, marked: a tenant that is put on the plan while we look keeps
 * its limits, and no later one can be put on it.
 */
import { presentPlan } from '#core/api/tenancy-resource.ts';
import { AppError } from '#core/errors.ts';
import { shippedPlan } from '#core/tenancy/plans.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { RouteHandler } from '../route-handler.ts';
import { ownPlan } from '../tenancy.ts';

export const adminDeletePlan: RouteHandler<'adminDeletePlan'> = async (deps, { params: { name } }) => {
  if (shippedPlan(name) !== null) {
    throw new AppError('conflict', { publicMessage: `The plan ${name} ships with Pilotlight.` });
  }
  const plan = await ownPlan(deps, name);
  if (plan === null || plan.removedAtMs !== null) throw new AppError('not_found');
  const user = await firstTenantOn(deps, name);
  if (user !== null) {
    throw new AppError('conflict', { publicMessage: `The tenant ${user} is on the plan ${name}.` });
  }
  const removed = { ...plan, removedAtMs: deps.clock.nowMs(), version: plan.version + 1 };
  if ((await deps.plans.put(removed)) === 'conflict') {
    throw new AppError('conflict', { publicMessage: 'Somebody else changed the plan just now.' });
  }
  return { status: 200, body: presentPlan(name, plan.limits, false) };
};

async function firstTenantOn({ tenants }: ApiDeps, plan: string): Promise<string | null> {
  let cursor: string | undefined;
  do {
    const page = await tenants.list(cursor);
    const user = page.items.find((tenant) => tenant.plan === plan && tenant.status !== 'deleted');
    if (user !== undefined) return user.tenantId;
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return null;
}
