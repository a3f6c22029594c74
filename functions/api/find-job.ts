import { jobIdSchema } from '#core/api/job-resource.ts';
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Jobs } from '#core/ports/jobs.ts';

/** Well-formed and never given out: hashes and random bits make it with a chance of 2^-130. */
const nobodysJobId = `job_${'0'.repeat(26)}`;

/** What to look up for an id from a URL, so that a malformed id costs the same read and gives the same answer. */
export function lookupId(id: string): string {
  return jobIdSchema.safeParse(id).success ? id : nobodysJobId;
}

/** The tenant's job as of every earlier write; throws `not_found`, alike for missing, foreign and malformed ids. */
export async function findJob(
  { jobs }: { readonly jobs: Pick<Jobs, 'get'> },
  tenantId: string,
  id: string,
): Promise<JobRecord> {
  const job = await jobs.get(tenantId, lookupId(id), { consistent: true });
  if (job === null) throw new AppError('not_found');
  return job;
}
