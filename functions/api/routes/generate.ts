import { acceptedTask, toSubmission } from '#core/dialects/simple/task.ts';
import { acceptedHeaders } from '../accepted.ts';
import { namedModel } from '../dialects/named-model.ts';
import { submitted, taskOf, translatedOf } from '../dialects/submitted.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const generate: RouteHandler<'generate'> = async (deps, call) => {
  const model = namedModel(deps, call.caller, call.body.model, 'text-to-image');
  const task = taskOf(deps, model);
  const submission = translatedOf(toSubmission(call.body, model, task));
  const accepted = await submitted(deps, call, submission, null);
  const body = acceptedTask(accepted.job);
  return {
    status: 202,
    headers: {
      ...acceptedHeaders(deps, call, accepted),
      ...jobHeaders(accepted.job),
      location: body.status_url,
    },
    body,
  };
};
