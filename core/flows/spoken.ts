/** What an attempt said, read again for who was told it before. */
import type { JobRecord } from '../job/job.ts';
import { streamLimits } from '../limits.ts';
import type { JobEvents } from '../ports/streams.ts';
import type { TextPosition } from '../stream/text-piece.ts';

/**
 * The text of the position's attempt up to the position, `at` characters of it, from pieces that are kept for
 * `streamLimits.keptMs`. Null where it cannot be read any more, or never was so long.
 */
export async function spokenBefore(
  { jobEvents }: { readonly jobEvents: Pick<JobEvents, 'read'> },
  { tenantId, jobId }: Pick<JobRecord, 'tenantId' | 'jobId'>,
  { attempt, at }: TextPosition,
): Promise<string | null> {
  let text = '';
  while (text.length < at) {
    const page = await jobEvents.read(tenantId, jobId, { attempt, at: text.length }, streamLimits.readMax);
    const before = text.length;
    for (const piece of page) {
      if (piece.attempt === attempt && piece.at === text.length) text += piece.text;
    }
    if (text.length === before) return null;
  }
  return text.slice(0, at);
}
