/** The one place that turns what was thrown into an error answer. Anything but an `AppError` says nothing of itself. */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { isOutage } from '#aws/outage.ts';
import { presentError } from '#core/api/error-resource.ts';
import { AppError } from '#core/errors.ts';
import type { Log } from '#core/ports.ts';
import { proxyResult } from '../answer.ts';
import { edgeOf } from '../edge.ts';
import { HeadedError } from '../headed-error.ts';

/** Without a better answer: what made us fail is mostly over by then. */
const retryUnavailableSeconds = 1;

export function problem({
  log,
}: {
  readonly log: Log;
}): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    onError(request) {
      const { requestId, route } = edgeOf(request.context);
      const { error, headers } = unwrap(request.error);
      const { status, body } = presentError(error, requestId);
      if (status >= 500) {
        log.error('api.failed', { requestId, route, code: error.code, reason: reasonOf(error) });
      }
      const retryAfterSeconds =
        error.options.retryAfterSeconds ?? (status === 503 ? retryUnavailableSeconds : undefined);
      request.response = proxyResult({
        status,
        headers: { 'retry-after': retryAfterSeconds?.toString(), ...headers },
        body,
      });
    },
  };
}

function unwrap(thrown: unknown): { error: AppError; headers: Readonly<Record<string, string>> } {
  if (thrown instanceof HeadedError) return { error: thrown.error, headers: thrown.headers };
  if (thrown instanceof AppError) return { error: thrown, headers: {} };
  // What was written stays written, and whoever asks again under its key finds it.
  return {
    error: new AppError(isOutage(thrown) ? 'unavailable' : 'internal', { cause: thrown }),
    headers: {},
  };
}

function reasonOf(error: AppError): string {
  const { cause } = error.options;
  if (cause === undefined) return error.message;
  return cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause);
}
