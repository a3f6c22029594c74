import type { Plans, Tenants } from '../ports/tenancy.ts';
import { shippedPlan } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { withPlan } from '../tenancy/tenant.ts';

/** The tenant with the limits of its plan, also where that is the operator's own; null when there is none of this id. */
export async function findTenantWithPlan(
  { plans, tenants }: { readonly plans: Pick<Plans, 'get'>; readonly tenants: Pick<Tenants, 'get'> },
  tenantId: string,
): Promise<TenantRecord | null> {
  const tenant = await tenants.get(tenantId);
  if (tenant === null) return null;
  return withPlan(tenant, shippedPlan(tenant.plan) === null ? await plans.get(tenant.plan) : null);
}
