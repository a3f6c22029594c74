/** Bounded retries with jitter, for calls that are safe to repeat. */

import { CliError, exitCodes, interruptedError } from './cli-error.ts';

export type Attempt<T> =
  | { readonly kind: 'done'; readonly value: T }
  | {
      readonly kind: 'refused';
      readonly error: CliError;
      /** The same request may succeed later. */
      readonly isRetryable: boolean;
      /** What the service asked for, or null. */
      readonly retryAfterMs: number | null;
    };

export interface RetryOptions {
  readonly isRepeatable: boolean;
  readonly signal: AbortSignal;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
}

/** Four tries ride out a lost connection or a restart (about 2 s) and no more than annoy otherwise. */
const triesMax = 4;
const firstDelayMs = 300;
/** A person would rather read "try again in 40 s" than watch nothing happen for longer than this. */
const retryAfterMsMax = 15_000;

/** Throws what ended the last try that has something to say, or `interrupted`. */
export async function retrying<T>(options: RetryOptions, attempt: () => Promise<Attempt<T>>): Promise<T> {
  let first: CliError | null = null;
  for (let tried = 1; ; tried += 1) {
    const outcome = await settled(attempt);
    if (outcome.kind === 'done') return outcome.value;
    first ??= outcome.error;

    const delayMs = delayAfter(tried, outcome.retryAfterMs, options.random());
    if (!options.isRepeatable || !outcome.isRetryable || delayMs === null) {
      // The service still holds our own first try; what ended that one is the news.
      throw outcome.error.code === 'idempotency_in_flight' ? first : outcome.error;
    }
    await options.sleep(delayMs, options.signal);
    if (options.signal.aborted) throw interruptedError();
  }
}

/**
 * Milliseconds to wait after try number `tried`, or null to give up. Without a wish of the service: between half and
 * the whole of 0.3, 0.6, 1.2 s. With one: that long and up to a tenth more, so that callers spread out.
 */
export function delayAfter(tried: number, retryAfterMs: number | null, random: number): number | null {
  if (tried >= triesMax) return null;
  if (retryAfterMs !== null) {
    return retryAfterMs > retryAfterMsMax ? null : Math.round(retryAfterMs * (1 + random / 10));
  }
  const wholeMs = firstDelayMs * 2 ** (tried - 1);
  return Math.round((wholeMs * (1 + random)) / 2);
}

/** A connection that failed is one more refusal worth another try. */
async function settled<T>(attempt: () => Promise<Attempt<T>>): Promise<Attempt<T>> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) throw error;
    return { kind: 'refused', error, isRetryable: error.code === 'unreachable', retryAfterMs: null };
  }
}
