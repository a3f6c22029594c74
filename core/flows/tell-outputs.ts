/** Reads what a job made for those who are told it as links and texts. */
import { answerTextOf } from '../chat/answer-text.ts';
import type { ToldOutput } from '../dialects/outputs.ts';
import type { JobOutput, JobRecord } from '../job/job.ts';
import { filesKeptUntilMs } from '../job/job.ts';
import { apiLimits } from '../limits.ts';
import type { Blobs, Clock } from '../ports.ts';

export interface TellOutputsPorts {
  readonly blobs: Pick<Blobs, 'get' | 'link'>;
  readonly clock: Clock;
}

/** In their order; null while the job has not succeeded, and once its files are gone. */
export async function tellOutputs(
  ports: TellOutputsPorts,
  job: JobRecord,
): Promise<readonly ToldOutput[] | null> {
  if (job.status !== 'succeeded') return null;
  const told = await Promise.all(job.outputs.map((output) => tellOutput(ports, job, output)));
  return told.some((each) => each === null) ? null : told.filter((each) => each !== null);
}

async function tellOutput(
  ports: TellOutputsPorts,
  job: JobRecord,
  output: JobOutput,
): Promise<ToldOutput | null> {
  const { type, contentType, bytes, width, height } = output;
  if (type === 'text') {
    const read = (path: string) => ports.blobs.get(job.tenantId, path);
    const text = await answerTextOf({ outputs: [output] }, read);
    return text === null ? null : { type, text };
  }
  const url = await linkTo(ports, job, output);
  return url === null ? null : { type, url, contentType, bytes, width, height };
}

/** A link that ends with the file it leads to, if that is sooner; null: the file is gone. */
export async function linkTo(
  { blobs, clock }: { readonly blobs: Pick<Blobs, 'link'>; readonly clock: Clock },
  job: JobRecord,
  { path }: JobOutput,
): Promise<string | null> {
  const leftMs = (filesKeptUntilMs(job) ?? 0) - clock.nowMs();
  // A link of less than a second is none.
  if (leftMs < 1000) return null;
  const seconds = Math.min(apiLimits.outputUrlSeconds, Math.floor(leftMs / 1000));
  return blobs.link(job.tenantId, path, seconds);
}
