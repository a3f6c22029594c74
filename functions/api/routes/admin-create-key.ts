import { issueAnotherKey, presentNewKey, termsOf } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';
import { checkModels, findLiveTenant, refuse } from '../tenancy.ts';

export const adminCreateKey: RouteHandler<'adminCreateKey'> = async (deps, { caller, params, body }) => {
  const terms = termsOf(deps, params.id, body);
  checkModels(deps, terms.models);
  const { tenantId } = await findLiveTenant(deps, params.id);
  if (terms.scopes.includes('admin') && tenantId !== caller.tenant.tenantId) {
    // Such a key administers every tenant, whoever holds it.
    refuse([{ path: 'scopes', message: "admin is for keys of the operator's own tenant" }]);
  }
  const issued = await issueAnotherKey(deps, terms);
  return { status: 201, body: { key: presentNewKey(deps, issued) } };
};
