/**
 * Tells an outage of a service from every other fault, once its SDK client has tried as often as it does: it becomes
 * `unavailable`, so that a caller is told to come back (503) and not that something of ours is broken (500).
 */
import { AppError } from '#core/errors.ts';

/** The SDK's own names, and those of Node's sockets. */
const outageNames = new Set(['TimeoutError', 'RequestTimeout', 'NetworkingError']);
const outageCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/** Said to a client that asks too much, with a status that blames it; the SDK has backed off by then. */
const throttles =
  /^(ProvisionedThroughputExceeded|Throttling|ThrottledException|RequestLimitExceeded|RequestThrottled|SlowDown|OverLimit|TooManyRequests|KmsThrottled)/;

/** True for a service that is down, unreachable, too slow or throttling. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name } = error;
  if (outageNames.has(name) || throttles.test(name)) return true;
  if ('code' in error && outageCodes.has(String(error.code))) return true;
  return statusOf(error) >= 500;
}

function statusOf(error: Error): number {
  const metadata: unknown = Reflect.get(error, '$metadata');
  const status: unknown =
    typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : undefined;
  return typeof status === 'number' ? status : 0;
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
