/** How soon a job must start, where a dialect's clients may say so. */
import { jobLimits } from '../limits.ts';

/** Whether a job may be asked to start within so many seconds. */
export function isStartBound(seconds: number): boolean {
  return seconds >= 1 && seconds <= jobLimits.startWithinMsMax / 1000;
}
