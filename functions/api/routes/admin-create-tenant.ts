/**
 * Creates the tenant, then its first key. A crash in between leaves a tenant without a key: asking again answers
 * `conflict`, and a key is created by its own route.
 */
import { AppError } from '#core/errors.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from '../api-deps.ts';
import { issueKey } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';
import { checkLimits, checkModels, definedLimits, presentOneTenant, refuse } from '../tenancy.ts';

export const adminCreateTenant: RouteHandler<'adminCreateTenant'> = async (deps, { body }) => {
  const { id: tenantId, plan, models, port, ...limits } = body;
  const overrides = definedLimits(limits);
  await checkLimits(deps, { plan, overrides }, { planIsNew: true });
  checkModels(deps, models);

  const createdAtMs = deps.clock.nowMs();
  const record = { tenantId, plan, overrides, status: 'active', models, createdAtMs, version: 1 } as const;
  // Asked before the port is touched: the one that this id has may be in use.
  if ((await deps.tenants.get(tenantId)) !== null) throw taken(tenantId);
  await openPort(deps, tenantId, port);
  if ((await deps.tenants.create(record)) === 'exists') {
    if (port !== undefined) await deps.tenantPorts?.close(tenantId);
    throw taken(tenantId);
  }
  const { record: key, secret } = await issueKey(deps, {
    tenantId,
    label: 'first key',
    scopes: [...tenantScopes],
    models: null,
    expiresAtMs: null,
  });
  const tenant = await presentOneTenant(deps, record);
  return { status: 201, body: { tenant, key: { id: key.keyId, secret } } };
};

function taken(tenantId: string): AppError {
  const publicMessage = `The id ${tenantId} is taken; case makes no difference.`;
  return new AppError('conflict', { param: 'id', publicMessage });
}

async function openPort(deps: ApiDeps, tenantId: string, port: number | undefined): Promise<void> {
  if (port === undefined) return;
  if (deps.tenantPorts === undefined) {
    return refuse([{ path: 'port', message: 'is taken by a local stack only' }]);
  }
  if ((await deps.tenantPorts.open(tenantId, port)) === 'taken') {
    refuse([{ path: 'port', message: `something else listens on ${port}` }]);
  }
}
