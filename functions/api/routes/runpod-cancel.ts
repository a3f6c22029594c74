import { runpodLimits } from '#core/limits.ts';
import { canceled } from '../canceled.ts';
import { jobAnswer, waited } from '../dialects/runpod/jobs.ts';
import type { RouteHandler } from '../route-handler.ts';

/** A job that runs is stopped at its next step: that is waited for a moment, so that most are told as what they are. */
export const runpodCancel: RouteHandler<'runpodCancel'> = async (deps, call) => {
  const job = await canceled(deps, call.caller.tenant.tenantId, call.params.id);
  return jobAnswer(await waited(deps, call, job, runpodLimits.cancelWaitMs));
};
