/**
 * A fetch that asks again: the network fails, a service restarts or asks for patience. Only what has no second effect is
 * sent twice.
 */

export interface RepeatOptions {
  /** Of one try, up to the whole answer; of events, up to their first. */
  readonly timeoutMs: number;
  /** The first one counts. */
  readonly triesMax: number;
  /** A service that asks for more patience than this is not asked again. */
  readonly retryAfterMsMax: number;
  readonly fetch: (request: Request) => Promise<Response>;
  /** Resolves early when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1, for jitter. */
  random(): number;
}

/** How one request may be treated. */
export interface Treatment {
  readonly isRepeatable: boolean;
  /** How long the API was asked to wait before it answers: on top of the time of a try. */
  readonly waitMs: number;
}

/** Four tries ride out a lost connection or a restart (about 2 s) and no more than annoy otherwise. */
export const defaultRepeats: RepeatOptions = {
  timeoutMs: 30_000,
  triesMax: 4,
  // A person would rather read "try again in 40 s" than watch nothing happen for longer than this.
  retryAfterMsMax: 15_000,
  fetch: (request) => globalThis.fetch(request),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    }),
  random: Math.random,
};

const firstDelayMs = 300;

type Outcome =
  | { readonly kind: 'answered'; readonly response: Response; readonly retryAfterMs: number | null }
  | { readonly kind: 'refused'; readonly response: Response; readonly retryAfterMs: number | null }
  | { readonly kind: 'failed'; readonly error: unknown; readonly retryAfterMs: null };

/**
 * The answer of the last try that has something to say; an answer that is no stream of events is there whole.
 * @throws what `fetch` threw: a `TimeoutError` after the time of a try, the reason of the request's own signal, and a
 * `TypeError` where nobody could be reached
 */
export async function repeat(options: RepeatOptions, request: Request, how: Treatment): Promise<Response> {
  let first: Outcome | null = null;
  for (let tried = 1; ; tried += 1) {
    const outcome = await tryOnce(options, request, how);
    if (outcome.kind === 'answered') return outcome.response;
    request.signal.throwIfAborted();
    first ??= outcome;
    const delayMs = how.isRepeatable ? delayAfter(options, tried, outcome.retryAfterMs) : null;
    if (delayMs === null || !(await isWorthAnother(outcome))) {
      // The service still holds our own first try: what ended that one is the news.
      return resultOf((await isInFlight(outcome)) ? first : outcome);
    }
    await options.sleep(delayMs, request.signal);
    request.signal.throwIfAborted();
  }
}

/**
 * Milliseconds to wait after try number `tried`, or null to give up. Without a wish of the service: between half and
 * the whole of 0.3, 0.6, 1.2 s and so on. With one: that long and up to a tenth more, so that callers spread out.
 */
export function delayAfter(
  { triesMax, retryAfterMsMax, random }: Pick<RepeatOptions, 'triesMax' | 'retryAfterMsMax' | 'random'>,
  tried: number,
  retryAfterMs: number | null,
): number | null {
  if (tried >= triesMax) return null;
  if (retryAfterMs !== null) {
    return retryAfterMs > retryAfterMsMax ? null : Math.round(retryAfterMs * (1 + random() / 10));
  }
  return Math.round((firstDelayMs * 2 ** (tried - 1) * (1 + random())) / 2);
}

async function tryOnce(
  { fetch, timeoutMs }: RepeatOptions,
  request: Request,
  { waitMs }: Treatment,
): Promise<Outcome> {
  const late = new AbortController();
  const allMs = timeoutMs + waitMs;
  const message = `no answer in ${allMs / 1_000} s`;
  const timer = setTimeout(() => late.abort(new DOMException(message, 'TimeoutError')), allMs);
  try {
    const signal = AbortSignal.any([request.signal, late.signal]);
    // A clone goes out, so that the request can go out again.
    const response = await fetch(new Request(request.clone(), { signal }));
    // A connection that breaks in the middle of a body is as worth another try as one that never came about.
    if (!isStream(response)) await response.clone().arrayBuffer();
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : null;
    return { kind: response.status < 400 ? 'answered' : 'refused', response, retryAfterMs };
  } catch (error) {
    return { kind: 'failed', error: late.signal.aborted ? late.signal.reason : error, retryAfterMs: null };
  } finally {
    clearTimeout(timer);
  }
}

function isStream({ headers }: Response): boolean {
  return headers.get('content-type')?.startsWith('text/event-stream') === true;
}

/** What the API says of itself counts; others in between are judged by their status. */
async function isWorthAnother(outcome: Outcome): Promise<boolean> {
  if (outcome.kind === 'failed') return true;
  const { retryable } = await refusalIn(outcome.response);
  return typeof retryable === 'boolean' ? retryable : [429, 502, 503, 504].includes(outcome.response.status);
}

async function isInFlight(outcome: Outcome): Promise<boolean> {
  return outcome.kind !== 'failed' && (await refusalIn(outcome.response)).code === 'idempotency_in_flight';
}

async function refusalIn(
  response: Response,
): Promise<{ readonly code?: unknown; readonly retryable?: unknown }> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return Object(Object(body).error);
}

function resultOf(outcome: Outcome): Response {
  if (outcome.kind === 'failed') throw outcome.error;
  return outcome.response;
}
