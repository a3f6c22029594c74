/** What a tenant's key may not hand on: more than it has itself. */
import { AppError } from '#core/errors.ts';
import type { KeyRecord, Scope } from '#core/tenancy/tenant.ts';

/** Throws `missing_scope` with the first scope that the key lacks. */
export function refuseWiderScopes(own: KeyRecord, scopes: readonly Scope[]): void {
  const lacking = scopes.find((scope) => !own.scopes.includes(scope));
  if (lacking === undefined) return;
  throw new AppError('missing_scope', {
    param: 'scopes',
    publicMessage: `Your own key lacks the scope ${lacking}.`,
  });
}

/** Throws `missing_scope` when the other key may do what the own one may not. */
export function refuseWider(own: KeyRecord, other: KeyRecord): void {
  refuseWiderScopes(own, other.scopes);
  const { models } = own;
  if (models === null || other.models?.every((model) => models.includes(model))) return;
  throw new AppError('missing_scope', { publicMessage: 'That key may use models that your own may not.' });
}
