import { presentPlan } from '#core/api/tenancy-resource.ts';
import { AppError } from '#core/errors.ts';
import { contradictions, shippedPlan } from '#core/tenancy/plans.ts';
import type { RouteHandler } from '../route-handler.ts';
import { isolationFaults, refuse } from '../tenancy.ts';

/** Counts for every tenant of the plan within the half minute that keys are remembered. */
export const adminPutPlan: RouteHandler<'adminPutPlan'> = async (
  deps,
  { params: { name }, body: limits },
) => {
  refuse([...contradictions(limits), ...isolationFaults(deps, limits)]);
  if (shippedPlan(name) !== null) {
    throw new AppError('conflict', {
      publicMessage: `The plan ${name} ships with Pilotlight: store yours under another name.`,
    });
  }
  const before = await deps.plans.get(name);
  const outcome = await deps.plans.put({
    name,
    limits,
    // Set by the deployment's config, and no part of this request.
    ...(before?.models === undefined ? {} : { models: before.models }),
    createdAtMs: before?.createdAtMs ?? deps.clock.nowMs(),
    removedAtMs: null,
    version: (before?.version ?? 0) + 1,
  });
  if (outcome === 'conflict') {
    throw new AppError('conflict', { publicMessage: 'Somebody else changed the plan just now.' });
  }
  return { status: 200, body: presentPlan(name, limits, false) };
};
