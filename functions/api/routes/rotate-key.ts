import { findKey, rotate } from '../issue-key.ts';
import { refuseWider } from '../own-keys.ts';
import type { RouteHandler } from '../route-handler.ts';

/** The new key's secret goes to the caller, so the old key must not be wider than the caller's. */
export const rotateKey: RouteHandler<'rotateKey'> = async (deps, { caller, params, body }) => {
  const old = await findKey(deps, caller.tenant.tenantId, params.id);
  refuseWider(caller.key, old);
  const rotated = await rotate(deps, old, {
    overlapSeconds: body.overlap_s,
    expiresAtMs: caller.key.expiresAtMs,
  });
  return { status: 200, body: rotated };
};
