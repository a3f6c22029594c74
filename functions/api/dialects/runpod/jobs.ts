/** What the routes of RunPod's dialect share. */
import { presentRunpodJob } from '#core/dialects/runpod/job.ts';
import type { RunpodRequest } from '#core/dialects/runpod/request.ts';
import { toSubmission } from '#core/dialects/runpod/request.ts';
import { AppError } from '#core/errors.ts';
import { resolveModel } from '#core/flows/resolve-model.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { Model } from '#core/models/manifest.ts';
import { limitsOf } from '#core/tenancy/plans.ts';
import type { Accepted } from '../../accepted.ts';
import type { ApiAnswer } from '../../answer.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Caller } from '../../edge.ts';
import { jobHeaders } from '../../job-answer.ts';
import { waitForJob } from '../../wait-for-job.ts';
import type { DialectCall } from '../submitted.ts';
import { submitted, taskOf } from '../submitted.ts';

interface Call extends DialectCall {
  readonly params: { readonly endpoint: string };
  readonly body: RunpodRequest;
}

export function submittedJob(deps: ApiDeps, call: Call): Promise<Accepted> {
  const { endpoint } = call.params;
  const task = taskOf(deps, endpoint);
  return submitted(deps, call, toSubmission({ request: call.body, endpoint, task }), null);
}

export function jobAnswer(job: JobRecord): ApiAnswer {
  return { status: 200, headers: jobHeaders(job), body: presentRunpodJob(job) };
}

/** The job as it ended, or as it stands after the wait. Whoever hangs up leaves it alone, as with the original. */
export function waited(
  deps: ApiDeps,
  call: Pick<DialectCall, 'endsAtMs' | 'gone'>,
  job: JobRecord,
  waitMs: number,
): Promise<JobRecord> {
  return waitForJob(deps, job, Math.min(waitMs, streamLimits.answerMs), call);
}

/** The model that the endpoint means to the caller. Throws `model_not_found` and `model_not_granted`. */
export async function endpointModel(
  deps: ApiDeps,
  { tenant, granted }: Caller,
  endpoint: string,
): Promise<Model> {
  const { quant } = limitsOf(tenant.plan, tenant.overrides);
  const asked = { tenantId: tenant.tenantId, name: endpoint, quality: null, input: {}, granted, quant };
  const resolved = await resolveModel(deps, asked);
  if (resolved.kind === 'model') return resolved.model;
  // Without a quality and a size nothing else is wrong with a name.
  const code = resolved.kind === 'model_not_granted' ? resolved.kind : 'model_not_found';
  throw new AppError(code, { param: 'endpoint' });
}
