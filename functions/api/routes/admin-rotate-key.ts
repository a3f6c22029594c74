import { findKey, rotate } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findLiveTenant } from '../tenancy.ts';

export const adminRotateKey: RouteHandler<'adminRotateKey'> = async (deps, { params, body }) => {
  const { tenantId } = await findLiveTenant(deps, params.id);
  const old = await findKey(deps, tenantId, params.key);
  const rotated = await rotate(deps, old, { overlapSeconds: body.overlap_s, expiresAtMs: null });
  return { status: 200, body: rotated };
};
