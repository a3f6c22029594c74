import type { Picture } from '#core/dialects/openai/images.ts';
import { toAnswer, toSubmission } from '#core/dialects/openai/images.ts';
import type { JobOutput, JobRecord } from '#core/job/job.ts';
import { filesKeptUntilMs } from '#core/job/job.ts';
import { apiLimits } from '#core/limits.ts';
import type { ApiDeps } from '../api-deps.ts';
import { acceptedHeaders, streamJob } from '../dialects/openai/job-stream.ts';
import { bytesOf, picturesSaid } from '../dialects/openai/picture-stream.ts';
import { submitted, succeeded, translatedOf } from '../dialects/openai/submitted.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createImage: RouteHandler<'createImage'> = async (deps, call) => {
  const submission = translatedOf(toSubmission(call.body));
  if (submission.stream) {
    const saidOf = picturesSaid(deps, call, submission.partialImages);
    return streamJob(deps, call, { submission, task: 'text-to-image' }, saidOf);
  }
  const accepted = await submitted(deps, call, submission, 'text-to-image');
  const headers = acceptedHeaders(deps, call, accepted);
  const job = await succeeded(deps, call, accepted);
  const pictures = job.outputs.map((output, index) =>
    submission.responseFormat === 'b64_json'
      ? bytesOf(deps, job, index).then((bytes) => ({ b64_json: Buffer.from(bytes).toString('base64') }))
      : linkTo(deps, job, output),
  );
  return {
    status: 200,
    headers: { ...headers, ...jobHeaders(job) },
    body: toAnswer(job, await Promise.all(pictures)),
  };
};

async function linkTo({ blobs, clock }: ApiDeps, job: JobRecord, { path }: JobOutput): Promise<Picture> {
  const leftSeconds = Math.floor(((filesKeptUntilMs(job) ?? 0) - clock.nowMs()) / 1000);
  const seconds = Math.min(apiLimits.outputUrlSeconds, Math.max(1, leftSeconds));
  return { url: await blobs.link(job.tenantId, path, seconds) };
}
