/**
 * Tells a service that is out of reach, or that turns requests away, from a fault of ours. Asked once the SDK has given
 * up: its own attempts are over by then. The error becomes `unavailable`, so that a caller is told to come back (503) and
 * not that something of ours is broken (500).
 */
import { AppError } from '#core/errors.ts';

/** Names of throttling errors of the services used here, as their API references list them. */
const throttles: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** Of sockets that could not be made or broke (Node), and of lookups that failed. */
const networkCodes: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** True where the same request may go well in a moment. */
export function isOutage(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  // Fields of the SDK's and Node's own errors, none of which every error has.
  const { name, code, $metadata }: Partial<SentError> = thrown;
  const status = $metadata?.httpStatusCode ?? 0;
  // An error of the SDK that did not come from a service carries its attempts, and the network's code.
  const isCut = $metadata !== undefined && networkCodes.has(code ?? '');
  return isCut || name === 'TimeoutError' || throttles.has(name ?? '') || status >= 500 || status === 429;
}

interface SentError extends Error {
  readonly code: string;
  readonly $metadata: { readonly httpStatusCode?: number };
}

/** The part of an SDK client that this needs. */
interface Middlewares {
  add(
    middleware: <Input, Output>(next: (input: Input) => Promise<Output>) => (input: Input) => Promise<Output>,
    options: { readonly step: 'initialize'; readonly priority: 'high'; readonly name: string },
  ): void;
}

/** Outermost, so that the retries of the SDK lie within. */
export function tellOutages(stack: Middlewares, service: string): void {
  stack.add(
    (next) => async (input) => {
      try {
        return await next(input);
      } catch (error) {
        if (!isOutage(error)) throw error;
        throw new AppError('unavailable', { cause: error, privateDetail: `${service}: ${String(error)}` });
      }
    },
    { step: 'initialize', priority: 'high', name: 'tellOutages' },
  );
}
