import type { RouteHandler } from '../route-handler.ts';
import { changeTenant, findTenant, presentOneTenant, refuseOwnTenant } from '../tenancy.ts';

/**
 * Closes the tenant for good: its keys are refused and nothing is admitted, what is open settles, jobs and ledger
 * stay. The id stays taken, so that no later tenant comes upon them. Its adapters are left to the sweep, which removes them
 * once nothing is open; a crash in between is ended by asking again.
 */
export const adminDeleteTenant: RouteHandler<'adminDeleteTenant'> = async (deps, { caller, params }) => {
  refuseOwnTenant(caller, params.id);
  const before = await findTenant(deps, params.id);
  const tenant =
    before.status === 'deleted'
      ? before
      : await changeTenant(deps, params.id, () => ({ status: 'deleted', deletedAtMs: deps.clock.nowMs() }));
  await deps.adapters.noteChange(tenant.tenantId);
  await deps.tenantPorts?.close(tenant.tenantId);
  return { status: 200, body: await presentOneTenant(deps, tenant) };
};
