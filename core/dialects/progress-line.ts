import type { JobRecord } from '../job/job.ts';

/** Progress as tqdm prints it, which is what most models log and clients read; empty before there is any. */
export function progressLine(progress: JobRecord['progress']): string {
  if (progress === null || progress.steps === 0) return '';
  const { step, steps } = progress;
  const share = Math.min(1, step / steps);
  const filled = Math.round(10 * share);
  return `${Math.floor(100 * share)}%|${'█'.repeat(filled)}${' '.repeat(10 - filled)}| ${step}/${steps}`;
}
