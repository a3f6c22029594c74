/**
 * The one place that turns what was thrown into an error answer. Anything but an `AppError` says nothing of itself; the
 * log gets its stack, without the words of the request that it may quote.
 */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { errorFormOf } from '#core/api/error-form.ts';
import { AppError } from '#core/errors.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import { traceIdOf } from '#core/observability/trace.ts';
import type { Log } from '#core/ports/process.ts';
import { redact, textsWithin } from '#core/redaction.ts';
import { proxyResult } from '../answer.ts';
import { edgeOf } from '../edge.ts';
import { HeadedError } from '../headed-error.ts';

/** Without a better answer: what made us fail is mostly over by then. */
const retryUnavailableSeconds = 1;

export function problem({
  log,
  metrics,
}: {
  readonly log: Log;
  readonly metrics: Metrics;
}): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    onError(request) {
      const { requestId, route, traceparent } = edgeOf(request.context);
      const traceId = traceIdOf(traceparent) ?? undefined;
      const { error, headers } = unwrap(request.error);
      const { status, body } = errorFormOf(request.event.path).present(error, requestId, traceId);
      metrics.tell(
        'api.refused',
        { requests_refused: 1 },
        { code: error.code },
        { requestId, traceId, route },
      );
      if (status >= 500) {
        log.error('api.failed', {
          requestId,
          traceId,
          route,
          code: error.code,
          reason: redact(reasonOf(error), wordsOf(request.event)),
        });
      }
      const retryAfterSeconds =
        error.options.retryAfterSeconds ?? (status === 503 ? retryUnavailableSeconds : undefined);
      request.response = proxyResult({
        status,
        headers: {
          'retry-after': retryAfterSeconds?.toString(),
          // RFC 9110, 15.5.2: a 401 says how to ask.
          'www-authenticate': status === 401 ? 'Bearer' : undefined,
          ...headers,
        },
        body,
      });
    },
  };
}

function unwrap(thrown: unknown): { error: AppError; headers: Readonly<Record<string, string>> } {
  if (thrown instanceof HeadedError) return { error: thrown.error, headers: thrown.headers };
  if (thrown instanceof AppError) return { error: thrown, headers: {} };
  return { error: new AppError('internal', { cause: thrown }), headers: {} };
}

/** Everything that the client could choose, as it came and as it was read. */
function wordsOf({
  path,
  headers,
  body,
  multiValueQueryStringParameters,
  ...event
}: APIGatewayProxyEvent): string[] {
  const text = body === null ? '' : Buffer.from(body, event.isBase64Encoded ? 'base64' : 'utf8').toString();
  const sent = [path, headers, multiValueQueryStringParameters, event.queryStringParameters];
  return [text, ...textsWithin(sent)];
}

function reasonOf(error: AppError): string {
  const { cause } = error.options;
  if (cause === undefined) return error.message;
  return cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause);
}
