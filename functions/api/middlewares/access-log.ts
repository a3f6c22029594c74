/** One line per request: who asked which route, what came of it, how long it took. Never what was asked. */
import type { MiddlewareObj, Request } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { traceIdOf } from '#core/observability/trace.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { edgeOf } from '../edge.ts';

export function accessLog({
  clock,
  log,
}: {
  readonly clock: Clock;
  readonly log: Log;
}): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  const write = ({ event, context, response }: Request<APIGatewayProxyEvent, APIGatewayProxyResult>) => {
    const { requestId, route, caller, startedAtMs, traceparent, xrayId } = edgeOf(context);
    log.info('api.answered', {
      requestId,
      traceId: traceIdOf(traceparent),
      xrayId: xrayId ?? undefined,
      method: event.httpMethod,
      route,
      status: response?.statusCode,
      tenantId: caller?.tenant.tenantId,
      keyId: caller?.keyId,
      jobId: String(response?.headers?.['x-pilotlight-job-id'] ?? '') || undefined,
      tookMs: clock.nowMs() - startedAtMs,
    });
  };
  return { after: write, onError: write };
}
