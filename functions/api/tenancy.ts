/** What the routes of tenants, plans and aliases share: finding, checking, changing, answering. */
import type { TenantResource } from '#core/api/tenancy-resource.ts';
import { presentTenant } from '#core/api/tenancy-resource.ts';
import type { ErrorDetail } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';
import type { PlanLimits, PlanRecord } from '#core/tenancy/plans.ts';
import { contradictions, limitsOf, planNameSchema, shippedPlan } from '#core/tenancy/plans.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { tenantIdSchema } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from './api-deps.ts';

/** Two operators at once are rare, and each loser's next try is on top of the winner's write. */
const changeTriesMax = 5;

/** Throws `not_found`, alike for missing and malformed ids. */
export async function findTenant({ tenants }: ApiDeps, id: string): Promise<TenantRecord> {
  const tenant = tenantIdSchema.safeParse(id).success ? await tenants.get(id) : null;
  if (tenant === null) throw new AppError('not_found');
  return tenant;
}

/** Throws `conflict` for a tenant that was deleted: nothing of it changes any more. */
export async function findLiveTenant(deps: ApiDeps, id: string): Promise<TenantRecord> {
  const tenant = await findTenant(deps, id);
  if (tenant.status === 'deleted') {
    throw new AppError('conflict', { publicMessage: 'The tenant is deleted.' });
  }
  return tenant;
}

/** Stores what `change` makes of the tenant, again on top of whatever came in between. */
export async function changeTenant(
  deps: ApiDeps,
  id: string,
  change: (tenant: TenantRecord) => Promise<Partial<TenantRecord>> | Partial<TenantRecord>,
): Promise<TenantRecord> {
  for (let tries = 0; tries < changeTriesMax; tries += 1) {
    const tenant = await findLiveTenant(deps, id);
    const changed = { ...tenant, ...(await change(tenant)), version: tenant.version + 1 };
    if ((await deps.tenants.update(changed)) === 'updated') return changed;
  }
  throw new AppError('unavailable', { privateDetail: 'the tenant changed under every try to change it' });
}

/** The operator's own plan of this name, removed or not; null for a name that ships or is unknown. */
export async function ownPlan({ plans }: ApiDeps, name: string): Promise<PlanRecord | null> {
  return planNameSchema.safeParse(name).success && shippedPlan(name) === null ? plans.get(name) : null;
}

/** Refuses a plan that there is not, and overrides that contradict it or each other. */
export async function checkLimits(
  deps: ApiDeps,
  tenant: Pick<TenantRecord, 'plan' | 'overrides'>,
  options: { readonly planIsNew: boolean },
): Promise<void> {
  const own = await ownPlan(deps, tenant.plan);
  const base = shippedPlan(tenant.plan) ?? own?.limits;
  if (base === undefined || (options.planIsNew && own !== null && own.removedAtMs !== null)) {
    refuse([{ path: 'plan', message: 'there is no such plan' }]);
  }
  const limits = limitsOf(tenant.plan, { ...base, ...tenant.overrides });
  refuse([...contradictions(limits), ...isolationFaults(deps, limits)]);
}

/** What the platform cannot do for a tenant of these limits. */
export function isolationFaults({ ownPools }: ApiDeps, { isolation }: PlanLimits): ErrorDetail[] {
  if (isolation !== 'pool' || ownPools !== undefined) return [];
  return [{ path: 'isolation', message: 'pool is taken by a local stack only' }];
}

/** Refuses models that the catalog does not have. */
export function checkModels({ catalog }: ApiDeps, models: readonly string[] | null): void {
  const list = models ?? [];
  refuse(
    list.flatMap((model, index) =>
      catalog.get(model) === null ? [{ path: `models.${index}`, message: 'there is no such model' }] : [],
    ),
  );
}

/** Throws `invalid_request` when there is anything to say. */
export function refuse(details: readonly ErrorDetail[]): void {
  if (details.length > 0) throw new AppError('invalid_request', { details });
}

/** The operator's own key would stop working too, and nobody could undo it. */
export function refuseOwnTenant(caller: { readonly tenant: TenantRecord }, id: string): void {
  if (caller.tenant.tenantId !== id) return;
  throw new AppError('conflict', { publicMessage: 'This is the tenant of the key that asks.' });
}

export async function presentOneTenant(deps: ApiDeps, tenant: TenantRecord): Promise<TenantResource> {
  const [resource] = await presentTenants(deps, [tenant]);
  if (resource === undefined) throw new AppError('internal', { privateDetail: 'one tenant, no resource' });
  return resource;
}

/** Reads each of the operator's plans once. */
export async function presentTenants(
  deps: ApiDeps,
  tenants: readonly TenantRecord[],
): Promise<TenantResource[]> {
  const plans = new Map<string, PlanRecord | null>();
  await Promise.all(
    [...new Set(tenants.map(({ plan }) => plan))].map(async (name) =>
      plans.set(name, await ownPlan(deps, name)),
    ),
  );
  return tenants.map((tenant) =>
    presentTenant(tenant, {
      plan: plans.get(tenant.plan) ?? null,
      port: deps.tenantPorts?.portOf(tenant.tenantId) ?? null,
    }),
  );
}

/** The given limits alone: what was left out of a request is no override. */
export function definedLimits(limits: Partial<PlanLimits>): Partial<PlanLimits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** The overrides after a change: null removes one, absent leaves it. */
export function mergeOverrides(
  overrides: Partial<PlanLimits>,
  change: { readonly [K in keyof PlanLimits]?: PlanLimits[K] | null },
): Partial<PlanLimits> {
  const merged = Object.entries({ ...overrides, ...definedOf(change) });
  return Object.fromEntries(merged.filter(([, value]) => value !== null));
}

function definedOf(change: object): object {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}
