/**
 * How many workers a pool should have: the first sound policy. Out at once, by the jobs that wait and run over what
 * one worker takes in a batch; in only when nothing is left and stayed so for the idle time-out. Pure; the scaler
 * flow feeds it and carries it out.
 */

export interface ScalingBounds {
  /** Workers that stay up without work. */
  readonly workersMin: number;
  /** Cost cap: never more, whatever the demand. */
  readonly workersMax: number;
  /** How long a pool stays up without work. */
  readonly idleTimeoutMs: number;
}

export interface ScalingView {
  /** Jobs that wait or run. */
  readonly openJobs: number;
  /** Jobs that one worker takes at a time. */
  readonly jobsPerWorker: number;
  readonly desired: number;
  /** Null while there is work. */
  readonly idleForMs: number | null;
  /** Workers that an operator wants up, work or not. */
  readonly prewarmed: number;
  /** An operator holds the pool back: no worker may be started. */
  readonly isHeldBack: boolean;
}

export function desiredWorkers(view: ScalingView, bounds: ScalingBounds): number {
  const wanted = wantedWorkers(view, bounds);
  return view.isHeldBack ? Math.min(view.desired, wanted) : wanted;
}

function wantedWorkers(view: ScalingView, bounds: ScalingBounds): number {
  const workersMin = Math.max(bounds.workersMin, view.prewarmed);
  const clamp = (workers: number) => Math.min(bounds.workersMax, Math.max(workersMin, workers));
  if (view.openJobs > 0) {
    return clamp(Math.max(view.desired, Math.ceil(view.openJobs / Math.max(1, view.jobsPerWorker))));
  }
  const isIdleLongEnough = view.idleForMs !== null && view.idleForMs >= bounds.idleTimeoutMs;
  return isIdleLongEnough ? clamp(0) : clamp(view.desired);
}
