/**
 * The windows that requests are counted in. A window's name is part of its counter's name
 * (`requests_per_minute@29384756`), so a new window is a new counter: no clock is compared in the store, and a clock
 * that jumps counts in another window and finds the first one as it was when it comes back.
 *
 * Worst case of such fixed windows: a limit of `max` per window lets `max` through at the end of one and `max` at the
 * start of the next, so 2 x max around the boundary, and at most `T / window + 2` windows' worth in any time T.
 *
 * `requests_per_second` with `requests_burst`: `burst` requests in each window of `burst / rate` seconds (the length
 * rounded up to whole milliseconds). The rate holds over time, `burst` may come at once, 2 x burst around a boundary.
 * Without a burst the window is one second. A plan that changes this length starts a new window, so one burst more.
 */

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export interface Window {
  readonly name: string;
  readonly lengthMs: number;
  readonly endsAtMs: number;
}

export function burstWindow(nowMs: number, perSecond: number, burst: number): Window {
  const lengthMs = Math.ceil((burst * 1000) / perSecond);
  const { index, endsAtMs } = fixedWindow(nowMs, lengthMs);
  return { name: `${lengthMs}x${index}`, lengthMs, endsAtMs };
}

export function minuteWindow(nowMs: number): Window {
  const { index, endsAtMs } = fixedWindow(nowMs, minuteMs);
  return { name: String(index), lengthMs: minuteMs, endsAtMs };
}

export function dayWindow(nowMs: number): Window {
  const { index, endsAtMs } = fixedWindow(nowMs, dayMs);
  return { name: String(index), lengthMs: dayMs, endsAtMs };
}

/** A month in UTC: `YYYYMM`. */
export function monthWindow(nowMs: number): Window {
  const date = new Date(nowMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const endsAtMs = Date.UTC(year, month + 1, 1);
  return { name: monthOf(nowMs), lengthMs: endsAtMs - Date.UTC(year, month, 1), endsAtMs };
}

/** `YYYYMM` in UTC. */
export function monthOf(nowMs: number): string {
  const date = new Date(nowMs);
  return `${date.getUTCFullYear()}${String(date.getUTCMonth() + 1).padStart(2, '0')}`;
}

/** Name of the month's spend counter. */
export function spendCounter(month: string): string {
  return `budget_usd_micros_per_month@${month}`;
}

/** Name of the day's counter of money for warm-ups. */
export function warmupCounter(nowMs: number): string {
  return `warmup_usd_micros_per_day@${dayWindow(nowMs).name}`;
}

/** Name of the month's counter of GPU milliseconds. */
export function gpuCounter(month: string): string {
  return `gpu_seconds_per_month@${month}`;
}

/** True for a counter whose window has ended. */
export function isPastCounter(name: string, nowMs: number): boolean {
  return endOf(name) <= nowMs;
}

/**
 * True for a counter that may be forgotten. A while after its end, because a process whose clock lags, or one whose
 * clock jumped ahead and came back, must find what was counted: ten minutes hold two clocks of which one is five minutes
 * ahead and the other five behind. Money by the month is worth a week of patience; a busy tenant makes a counter a second, of
 * which each costs every later admission ~45 B, so those are worth ten seconds: what clocks further apart may do to a pace.
 */
export function mayForgetCounter(name: string, nowMs: number): boolean {
  return endOf(name) + patienceMs(name) <= nowMs;
}

function patienceMs(name: string): number {
  if (name.includes('_per_month@')) return 7 * dayMs;
  if (name.includes('_per_day@')) return dayMs;
  return name.includes('_per_minute@') ? 10 * minuteMs : 10_000;
}

/** When the counter's window ends; never, for a name that is none. */
function endOf(name: string): number {
  const [limit = '', window] = name.split('@');
  if (window === undefined) return Number.POSITIVE_INFINITY;
  if (limit.endsWith('_per_month')) return Date.UTC(Number(window.slice(0, 4)), Number(window.slice(4)), 1);
  if (limit.endsWith('_per_day')) return (Number(window) + 1) * dayMs;
  if (limit.endsWith('_per_minute')) return (Number(window) + 1) * minuteMs;
  const [lengthMs, index] = window.split('x');
  return (Number(index) + 1) * Number(lengthMs);
}

function fixedWindow(nowMs: number, lengthMs: number): { index: number; endsAtMs: number } {
  const index = Math.floor(nowMs / lengthMs);
  return { index, endsAtMs: (index + 1) * lengthMs };
}
