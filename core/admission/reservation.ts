/**
 * A reservation is a named token in the gate: what it set aside, when, and a nonce that tells it from another of the
 * same name. The token alone says what its release has to correct, so a plan that changes while a job is open changes
 * nothing about what the job took: no counter is given back more than was put in.
 */
import { gpuCounter, monthOf, spendCounter } from './windows.ts';

export interface Reserved {
  readonly usdMicros: number;
  readonly gpuMs: number;
  readonly admittedAtMs: number;
}

/** What a reservation came to; nothing, for one that belongs to no job. */
export interface Spent {
  readonly usdMicros: number;
  readonly gpuMs: number;
}

/** Added to a counter that still exists; one that was forgotten with its window stays forgotten. */
export interface CounterCorrection {
  readonly counter: string;
  readonly delta: number;
}

export function reservationToken({ usdMicros, gpuMs, admittedAtMs }: Reserved, nonce: string): string {
  return `${usdMicros.toString(36)}-${gpuMs.toString(36)}.${admittedAtMs.toString(36)}.${nonce}`;
}

/** Reads a token back; null when it is none. One without GPU time is from before that was counted. */
export function readToken(token: string): Reserved | null {
  const match = /^([0-9a-z]+)(?:-([0-9a-z]+))?\.([0-9a-z]+)\.[0-9a-z]+$/.exec(token);
  const [, usdMicros, gpuMs = '0', admittedAtMs] = match ?? [];
  if (usdMicros === undefined || admittedAtMs === undefined) return null;
  return {
    usdMicros: Number.parseInt(usdMicros, 36),
    gpuMs: Number.parseInt(gpuMs, 36),
    admittedAtMs: Number.parseInt(admittedAtMs, 36),
  };
}

/**
 * Gives back what was set aside beyond what was spent, to the month it was taken from. Never takes more than was set
 * aside: a job that ran longer than predicted is our fault, in quota as in price, so no quota is ever passed.
 */
export function trueUp(reserved: Reserved, spent: Spent): CounterCorrection[] {
  const month = monthOf(reserved.admittedAtMs);
  const corrections = [
    { counter: spendCounter(month), delta: Math.min(0, spent.usdMicros - reserved.usdMicros) },
    { counter: gpuCounter(month), delta: Math.min(0, spent.gpuMs - reserved.gpuMs) },
  ];
  return corrections.filter(({ delta }) => delta !== 0);
}
