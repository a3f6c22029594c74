/** The lines of one job out of the log of a local stack, which holds those of its workers too. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import type { JobLine } from '#doctor/job-lines.ts';

const lineSchema = z.object({ time: z.iso.datetime() });

/**
 * Lines that name the job, oldest first. What is no line of the platform's, as the rest of one that a full disk cut, has the time
 * of the line before it.
 * @throws as opening a file does
 */
export async function readLocalLines(
  path: string,
  { jobId, fromMs }: { readonly jobId: string; readonly fromMs: number },
): Promise<JobLine[]> {
  const lines: JobLine[] = [];
  let atMs = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (!text.includes(jobId)) continue;
    atMs = timeOf(text) ?? atMs;
    if (atMs >= fromMs) lines.push({ atMs, source: path, text });
  }
  return lines.toSorted((left, right) => left.atMs - right.atMs);
}

function timeOf(text: string): number | null {
  try {
    const parsed = lineSchema.safeParse(JSON.parse(text));
    return parsed.success ? Date.parse(parsed.data.time) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
