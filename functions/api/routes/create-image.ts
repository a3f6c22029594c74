import type { Picture, ResponseFormat } from '#core/dialects/openai/images.ts';
import { toAnswer, toSubmission } from '#core/dialects/openai/images.ts';
import { AppError } from '#core/errors.ts';
import type { JobOutput, JobRecord } from '#core/job/job.ts';
import { filesKeptUntilMs } from '#core/job/job.ts';
import { apiLimits } from '#core/limits.ts';
import type { ApiDeps } from '../api-deps.ts';
import { acceptedHeaders } from '../dialects/openai/answer-text.ts';
import { submitted, succeeded, translatedOf } from '../dialects/openai/submitted.ts';
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
  { blobs, clock }: ApiDeps,
  job: JobRecord,
  { path }: JobOutput,
  format: ResponseFormat,
): Promise<Picture> {
  if (format === 'b64_json') {
    const file = await blobs.get(job.tenantId, path);
    if (file === null)
      throw new AppError('not_found', { publicMessage: 'The pictures of the job are gone.' });
    return { b64_json: Buffer.from(file).toString('base64') };
  }
  const leftSeconds = Math.floor(((filesKeptUntilMs(job) ?? 0) - clock.nowMs()) / 1000);
  return {
    url: await blobs.link(job.tenantId, path, Math.min(apiLimits.outputUrlSeconds, Math.max(1, leftSeconds))),
  };
}
