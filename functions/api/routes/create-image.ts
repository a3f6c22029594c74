import type { Picture, ResponseFormat } from '#core/dialects/openai/images.ts';
import { toAnswer, toSubmission } from '#core/dialects/openai/images.ts';
import { linkTo } from '#core/flows/tell-outputs.ts';
import type { JobOutput, JobRecord } from '#core/job/job.ts';
import type { ApiDeps } from '../api-deps.ts';
import { streamJob } from '../dialects/openai/job-stream.ts';
import { bytesOf, gone, picturesSaid } from '../dialects/openai/picture-stream.ts';
import { succeeded } from '../dialects/openai/succeeded.ts';
import { translatedOf } from '../dialects/submitted.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createImage: RouteHandler<'createImage'> = async (deps, call) => {
  const submission = translatedOf(toSubmission(call.body));
  if (submission.stream) {
    const saidOf = picturesSaid(deps, call, submission.partialImages);
    return streamJob(deps, call, { submission, task: 'text-to-image' }, saidOf);
  }
  const { job, headers } = await succeeded(deps, call, { submission, task: 'text-to-image' });
  const pictures = job.outputs.map((output, index) =>
    pictureOf(deps, job, { output, index, format: submission.responseFormat }),
  );
  return {
    status: 200,
    headers: { ...headers, ...jobHeaders(job) },
    body: toAnswer(job, await Promise.all(pictures)),
  };
};

interface Asked {
  readonly output: JobOutput;
  readonly index: number;
  readonly format: ResponseFormat;
}

async function pictureOf(deps: ApiDeps, job: JobRecord, { output, index, format }: Asked): Promise<Picture> {
  if (format === 'b64_json')
    return { b64_json: Buffer.from(await bytesOf(deps, job, index)).toString('base64') };
  const url = await linkTo(deps, job, output);
  if (url === null) throw gone();
  return { url };
}
