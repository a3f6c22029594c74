/**
 * Shows a job while it waits and runs. On a terminal one line is redrawn in place; elsewhere a plain line is written
 * for every change, so that logs stay readable.
 */
import type { Job } from '#client/schema.ts';
import { formatMs } from './format.ts';
import { placeText, startText } from './wait-view.ts';

export interface Progress {
  update(job: Job): void;
  /** Leaves the terminal on a fresh line; further updates are ignored. */
  end(): void;
}

export interface ProgressOptions {
  readonly isLive: boolean;
  write(text: string): void;
  nowMs(): number;
}

const barWidth = 24;
/** The clock of the line moves this often, also between two answers of the API. */
const redrawMs = 200;
/** Back to the first column, and clear to the end. */
const clearLine = '\r\u001b[2K';

/** What a person wants to know now, without the time. */
export function phaseOf({ status, wait, progress, attempts }: Job): string {
  if (wait !== null) {
    const again = status === 'running' ? ` again after attempt ${attempts}` : '';
    return `waiting${again}: ${placeText(wait)}`;
  }
  if (status !== 'running') return status;
  return progress === null ? 'running' : `running ${progress.step}/${progress.steps}`;
}

/** The phase, and when a job that waits will start. */
export function statusText(job: Job, nowMs: number): string {
  const start = job.wait && startText(job.wait, nowMs);
  return start === null ? phaseOf(job) : `${phaseOf(job)}, ${start}`;
}

/** `[######------]` of a running job with known steps, else nothing. */
export function barOf({ status, progress }: Pick<Job, 'status' | 'progress'>): string {
  if (status !== 'running' || progress === null || progress.steps === 0) return '';
  const full = Math.round((barWidth * Math.min(progress.step, progress.steps)) / progress.steps);
  return `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}]`;
}

export function createProgress(options: ProgressOptions): Progress {
  return options.isLive ? liveProgress(options) : plainProgress(options);
}

function liveProgress({ write, nowMs }: ProgressOptions): Progress {
  const startedMs = nowMs();
  let shown: Job | null = null;
  const draw = (): void => {
    if (shown === null) return;
    const parts = [statusText(shown, nowMs()), barOf(shown), formatMs(nowMs() - startedMs)];
    write(clearLine + parts.filter((part) => part !== '').join('  '));
  };
  const redraw = setInterval(draw, redrawMs);
  redraw.unref();
  return {
    update(job) {
      shown = job;
      draw();
    },
    end() {
      clearInterval(redraw);
      if (shown !== null) write(clearLine);
      shown = null;
    },
  };
}

function plainProgress({ write, nowMs }: ProgressOptions): Progress {
  let last = '';
  return {
    update(job) {
      const phase = phaseOf(job);
      // A line for each change of place, not for each second that the start comes nearer.
      if (phase !== last) write(`${statusText(job, nowMs())}\n`);
      last = phase;
    },
    end() {
      last = '';
    },
  };
}
