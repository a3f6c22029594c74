import { submit } from '#core/flows/submit.ts';
import { isTerminal } from '#core/job/job.ts';
import type { Accepted } from '../accepted.ts';
import { acceptedHeaders, acceptedOf } from '../accepted.ts';
import type { ApiAnswer } from '../answer.ts';
import type { ApiDeps } from '../api-deps.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import type { ApiCall, RouteHandler } from '../route-handler.ts';
import { waitForJob, waitOf } from '../wait-for-job.ts';
import { checkedTarget } from '../webhooks.ts';

export const submitJob: RouteHandler<'submitJob'> = async (deps, call) => {
  const { tenant, keyId, granted } = call.caller;
  const outcome = await submit(deps, {
    tenant,
    keyId,
    model: call.body.model,
    quality: call.body.quality ?? null,
    granted,
    input: call.body.input,
    adapters: call.body.adapters,
    class: call.body.class ?? null,
    metadata: call.body.metadata,
    webhook: call.body.webhook === undefined ? null : checkedTarget(deps, 'webhook.url', call.body.webhook),
    deadlineSeconds: call.body.deadline_s ?? null,
    cache: call.body.cache ?? null,
    stream: call.body.stream ?? false,
    idempotencyKey: call.headers['idempotency-key'] ?? null,
    traceparent: call.traceparent,
  });
  const accepted = acceptedOf(outcome, tenant, deps.clock.nowMs());
  return answer(deps, call, accepted);
};

/** 200 for a job that has ended, 202 for one that has not. */
async function answer(deps: ApiDeps, call: ApiCall<'submitJob'>, accepted: Accepted): Promise<ApiAnswer> {
  const { query, headers } = call;
  const ofSubmission = acceptedHeaders(deps, call, accepted);
  const wait = waitOf(query, headers);
  const job = await waitForJob(deps, accepted.job, wait.waitMs, call);
  const body = await presentOneJob(deps, job);
  return {
    status: isTerminal(job) ? 200 : 202,
    headers: {
      ...jobHeaders(job),
      ...ofSubmission,
      ...wait.headers,
      location: body.urls.self,
    },
    body,
  };
}
