import { presentLimits } from '#core/api/limits-resource.ts';
import { AppError } from '#core/errors.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getLimits: RouteHandler<'getLimits'> = async ({ clock, gates }, { caller: { tenant } }) => {
  const gate = await gates.read(tenant.tenantId);
  // A gate comes into being with its tenant: without one, admission treats the tenant as suspended too.
  if (gate === null) throw new AppError('tenant_suspended', { privateDetail: 'the tenant has no gate' });
  return { status: 200, body: presentLimits(tenant, gate, clock.nowMs()) };
};
