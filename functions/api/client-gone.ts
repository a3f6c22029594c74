/** Whether the client of an invocation still listens; noted by the entry, because an event does not say it. */
import type { Context } from 'aws-lambda';

const signals = new WeakMap<Context, AbortSignal>();

/** Where nobody notices, as behind a buffered answer, every client stays to the end. */
const stays = new AbortController().signal;

/** @param gone aborts when the client hangs up */
export function noteClient(context: Context, gone: AbortSignal): void {
  signals.set(context, gone);
}

export function goneOf(context: Context): AbortSignal {
  return signals.get(context) ?? stays;
}
