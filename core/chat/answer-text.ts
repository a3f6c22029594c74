/** The text that a job wrote. */
import type { JobRecord } from '../job/job.ts';

/**
 * From the record, or from the file where the record does not hold it; null: there is none, or it is past its retention.
 * @param read a file of the job, by its path; null: it is gone
 */
export async function answerTextOf(
  { outputs: [output] }: Pick<JobRecord, 'outputs'>,
  read: (path: string) => Promise<Uint8Array | null>,
): Promise<string | null> {
  if (output === undefined) return null;
  if (output.text !== undefined) return output.text;
  const file = await read(output.path);
  return file === null ? null : new TextDecoder().decode(file);
}
