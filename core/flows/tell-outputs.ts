/** Reads what a job made for those who are told it as links and texts. */
import { answerTextOf } from '../chat/answer-text.ts';
import type { ToldOutput } from '../dialects/outputs.ts';
import type { JobOutput, JobRecord } from '../job/job.ts';
import { filesKeptUntilMs } from '../job/job.ts';
import { apiLimits } from '../limits.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/process.ts';

export interface TellOutputsPorts {
  readonly blobs: Pick<Blobs, 'get' | 'link'>;
  readonly clock: Clock;
}

/** Where an output of the job is to be had without a key; null: its file is gone. */
export type LinkOf = (job: JobRecord, output: JobOutput, index: number) => Promise<string | null>;

/**
 * In their order; null while the job has not succeeded, and once its files are gone.
 * @param linkOf @default where the files are stored
 */
export async function tellOutputs(
  ports: TellOutputsPorts,
  job: JobRecord,
  linkOf: LinkOf = (of, output) => linkTo(ports, of, output),
): Promise<readonly ToldOutput[] | null> {
  if (job.status !== 'succeeded') return null;
  const told = await Promise.all(
    job.outputs.map((output, index) => tellOutput(ports, job, output, () => linkOf(job, output, index))),
  );
  return told.some((each) => each === null) ? null : told.filter((each) => each !== null);
}

async function tellOutput(
  ports: TellOutputsPorts,
  job: JobRecord,
  output: JobOutput,
  link: () => Promise<string | null>,
): Promise<ToldOutput | null> {
  const { type, contentType, bytes, width, height } = output;
  if (type === 'text') {
    const read = (path: string) => ports.blobs.get(job.tenantId, path);
    const text = await answerTextOf({ outputs: [output] }, read);
    return text === null ? null : { type, text };
  }
  const url = await link();
  return url === null ? null : { type, url, contentType, bytes, width, height };
}

/** A link that ends with the file it leads to, if that is sooner; null: the file is gone. */
export async function linkTo(
  { blobs, clock }: { readonly blobs: Pick<Blobs, 'link'>; readonly clock: Clock },
  job: JobRecord,
  { path }: JobOutput,
): Promise<string | null> {
  const untilMs = linkUntilMs(job, clock.nowMs());
  if (untilMs === null) return null;
  return blobs.link(job.tenantId, path, Math.floor((untilMs - clock.nowMs()) / 1000));
}

/** Until when a link made now to a file of the job works; null: the file is gone. */
export function linkUntilMs(job: JobRecord, nowMs: number): number | null {
  const leftMs = (filesKeptUntilMs(job) ?? 0) - nowMs;
  // A link of less than a second is none.
  return leftMs < 1000 ? null : nowMs + Math.min(apiLimits.outputUrlSeconds * 1000, leftMs);
}
