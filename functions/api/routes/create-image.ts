import type { Picture, ResponseFormat } from '#core/dialects/openai/images.ts';
import { toAnswer, toSubmission } from '#core/dialects/openai/images.ts';
import { AppError } from '#core/errors.ts';
import { linkTo } from '#core/flows/tell-outputs.ts';
import type { JobOutput, JobRecord } from '#core/job/job.ts';
import type { ApiDeps } from '../api-deps.ts';
import { succeeded } from '../dialects/openai/succeeded.ts';
import { acceptedHeaders, submitted, translatedOf } from '../dialects/submitted.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createImage: RouteHandler<'createImage'> = async (deps, call) => {
  const submission = translatedOf(toSubmission(call.body));
  const accepted = await submitted(deps, call, submission, 'text-to-image');
  const headers = acceptedHeaders(deps, call, accepted);
  const job = await succeeded(deps, call, accepted);
  const pictures = job.outputs.map((output) => pictureOf(deps, job, output, submission.responseFormat));
  return {
    status: 200,
    headers: { ...headers, ...jobHeaders(job) },
    body: toAnswer(job, await Promise.all(pictures)),
  };
};

async function pictureOf(
  deps: ApiDeps,
  job: JobRecord,
  output: JobOutput,
  format: ResponseFormat,
): Promise<Picture> {
  if (format === 'url') {
    const url = await linkTo(deps, job, output);
    if (url !== null) return { url };
  } else {
    const file = await deps.blobs.get(job.tenantId, output.path);
    if (file !== null) return { b64_json: Buffer.from(file).toString('base64') };
  }
  throw new AppError('not_found', { publicMessage: 'The pictures of the job are gone.' });
}
