/** A tenant's key makes keys that may do no more than itself and last no longer. */
import type { Caller } from '../edge.ts';
import type { KeyTerms } from '../issue-key.ts';
import { issueAnotherKey, presentNewKey, termsOf } from '../issue-key.ts';
import { refuseWiderScopes } from '../own-keys.ts';
import type { RouteHandler } from '../route-handler.ts';
import { checkModels, refuse } from '../tenancy.ts';

export const createKey: RouteHandler<'createKey'> = async (deps, { caller, body }) => {
  const { key, tenant } = caller;
  const scopes = body.scopes ?? key.scopes;
  refuseWiderScopes(key, scopes);
  const terms = termsOf(deps, tenant.tenantId, { ...body, scopes });
  checkModels(deps, terms.models);
  const issued = await issueAnotherKey(deps, { ...terms, ...boundsOf(caller, terms) });
  return { status: 201, body: { key: presentNewKey(deps, issued) } };
};

/** Refuses models and times that the caller's own key does not have. */
function boundsOf(
  { key }: Caller,
  { models, expiresAtMs }: KeyTerms,
): Pick<KeyTerms, 'models' | 'expiresAtMs'> {
  const own = key.models;
  refuse(
    (own === null ? [] : (models ?? [])).flatMap((model, index) =>
      own?.includes(model) ? [] : [{ path: `models.${index}`, message: 'your own key may not use it' }],
    ),
  );
  const end = key.expiresAtMs;
  if (end !== null && expiresAtMs !== null && expiresAtMs > end) {
    refuse([{ path: 'expires_at', message: 'must not be later than the end of your own key' }]);
  }
  return { models: models ?? own, expiresAtMs: expiresAtMs ?? end };
}
