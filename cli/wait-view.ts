/** The wait of a job as a person would say it. */
import type { Job } from '#client/schema.ts';
import { formatMs } from './format.ts';

type Wait = NonNullable<Job['wait']>;

const reasonTexts = {
  starting_worker: 'a worker is starting',
  loading_model: 'a model is loading',
  behind_others: 'behind other jobs',
  worker_unhealthy: 'the workers are not heard of',
  paused: 'the operator paused its pool',
} as const satisfies Record<Wait['reason'], string>;

/** Nobody counts less. */
const momentMs = 1_000;

/** `3rd in line`, and why nobody has taken it where that is not the line alone. */
export function placeText({ reason, position, position_exact }: Wait): string {
  const place = position_exact ? `${ordinal(position + 1)} in line` : `behind at least ${position} jobs`;
  return reason === 'behind_others' ? place : `${reasonTexts[reason]}, ${place}`;
}

/** `starts in about 12.0 s (most likely within 40.0 s)`, by the clock of whoever reads it; null while nobody knows. */
export function startText({ eta }: Wait, nowMs: number): string | null {
  if (eta === null) return null;
  const inMs = (time: string) => Math.max(0, Date.parse(time) - nowMs);
  const aboutMs = inMs(eta.start_at);
  const about = aboutMs < momentMs ? 'in a moment' : `in about ${formatMs(aboutMs)}`;
  const start = `starts ${about} (most likely within ${formatMs(Math.max(momentMs, inMs(eta.start_at_p90)))})`;
  return eta.may_expire ? `${start}, may expire before` : start;
}

/** What the worker that is to come has done so far: `starting for 12.5 s of about 50.0 s`. */
export function phaseText({ phase }: Wait): string | null {
  if (phase === undefined) return null;
  return `${phase.name} for ${formatMs(phase.elapsed_s * 1000)} of about ${formatMs(phase.expected_s * 1000)}`;
}

function ordinal(count: number): string {
  const isTeen = count % 100 >= 11 && count % 100 <= 13;
  const ending = isTeen ? 'th' : ({ 1: 'st', 2: 'nd', 3: 'rd' }[count % 10] ?? 'th');
  return `${count}${ending}`;
}
