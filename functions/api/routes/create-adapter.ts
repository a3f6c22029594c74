import { presentOffered } from '#core/api/adapter-resource.ts';
import { AppError } from '#core/errors.ts';
import { offerAdapter } from '#core/flows/adapters.ts';
import { adapterLimits } from '#core/limits.ts';
import { adaptedModel } from '../adapters.ts';
import { refusalError } from '../refusal.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createAdapter: RouteHandler<'createAdapter'> = async (deps, { caller, body }) => {
  const { tenant, granted } = caller;
  const model = adaptedModel(deps, body.model, granted);
  const offered = await offerAdapter(deps, tenant, { ...body, model });
  if (offered.kind === 'refused') throw refusalError(offered.refusal, deps.clock.nowMs(), 'adapter');
  if (offered.kind === 'full') {
    throw new AppError('conflict', {
      publicMessage: `The limit adapters_max is reached: the tenant has ${offered.max} adapters. Delete one first.`,
    });
  }
  const { adapter } = offered;
  const endsAtMs = deps.clock.nowMs() + adapterLimits.uploadSeconds * 1000;
  const link =
    adapter.status === 'pending'
      ? await deps.adapterFiles.uploadLink(
          adapter.tenantId,
          adapter.adapterId,
          adapter,
          adapterLimits.uploadSeconds,
        )
      : null;
  return {
    status: offered.kind === 'created' ? 201 : 200,
    body: presentOffered(adapter, link, endsAtMs),
  };
};
