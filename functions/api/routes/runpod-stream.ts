import { presentJob } from '#core/api/job-resource.ts';
import { runpodStatusOf } from '#core/dialects/runpod/job.ts';
import { AppError } from '#core/errors.ts';
import { readPortion } from '#core/flows/read-portion.ts';
import { runpodLimits } from '#core/limits.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';
import { endMsOf } from '../time-left.ts';
import { boundedWait } from '../wait-for-job.ts';

/** Waits a while for something new: one of the clients asks again without a pause. */
export const runpodStream: RouteHandler<'runpodStream'> = async (deps, call) => {
  const found = await findJob(deps, call.caller.tenant.tenantId, call.params.id);
  const endMs = endMsOf(deps, call, runpodLimits.streamWaitMs);
  const portion = await boundedWait(deps, found, endMs, (until) =>
    readPortion(deps, found, { endMs: until, gone: call.gone }),
  );
  if (portion.kind === 'otherwise') {
    const publicMessage =
      'The worker was lost while it answered, and its successor answers otherwise. Read the result at /status.';
    throw new AppError('conflict', { publicMessage });
  }
  const { job, text, outputs } = portion;
  const files = presentJob(job, null).output.filter((_, index) => outputs.includes(index));
  const said = [...(text === '' ? [] : [text]), ...files];
  const stream = said.map((output) => ({ output }));
  return { status: 200, headers: jobHeaders(job), body: { status: runpodStatusOf(job), stream } };
};
