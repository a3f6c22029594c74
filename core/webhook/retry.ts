/** When a message that was not taken is tried again. */
import { webhookLimits } from '../limits.ts';

/**
 * The wait after try number `triesSpent` (1 is the first); null after the last. It is the step of
 * `webhookLimits.retryDelaysMs`, shortened by up to a fifth so that what failed together does not come back together,
 * or what the receiver asked for by Retry-After where that is longer, up to `retryAfterMsMax`. None begins later than
 * `giveUpAfterMs` after the first.
 *
 * @param chance 0 to 1
 */
export function retryDelayMs({
  triesSpent,
  retryAfterMs,
  sinceFirstMs,
  chance,
}: {
  readonly triesSpent: number;
  readonly retryAfterMs: number | null;
  readonly sinceFirstMs: number;
  readonly chance: number;
}): number | null {
  const step = webhookLimits.retryDelaysMs[triesSpent - 1];
  if (step === undefined) return null;
  const asked = Math.min(retryAfterMs ?? 0, webhookLimits.retryAfterMsMax);
  const delayMs = Math.max(Math.round(step * (1 - 0.2 * chance)), asked);
  return sinceFirstMs + delayMs > webhookLimits.giveUpAfterMs ? null : delayMs;
}

/** Retry-After as RFC 9110 section 10.2.3 has it, seconds or a date, from now; null when there is none to be read. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse takes much that is no date of HTTP.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
