/** Gives every request an id, which every answer carries, and its place in a trace. */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { traceparentOf, xrayIdOf } from '#core/observability/trace.ts';
import type { Clock, Ids } from '#core/ports/process.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import { edgeOf, openEdge } from '../edge.ts';
import { requestHeaders } from '../request-headers.ts';

/** A caller's own id is taken only in this form, and never when it is a key: it ends up in logs and headers. */
const safeId = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;

/** The caller's own id, or null when there is none that may stand in a log. */
export function safeIdOf(given: string | undefined): string | null {
  return given !== undefined && safeId.test(given) && keyIdOf(given) === null ? given : null;
}

export function requestId({
  clock,
  ids,
}: {
  readonly clock: Clock;
  readonly ids: Ids;
}): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    before({ event, context }) {
      const headers = requestHeaders(event);
      const id = safeIdOf(headers.get('x-request-id')) ?? ids.next('req');
      openEdge(context, {
        requestId: id,
        startedAtMs: clock.nowMs(),
        traceparent: traceparentOf(headers, id),
        xrayId: xrayIdOf(headers),
      });
    },
    after: stamp,
    onError: stamp,
  };

  function stamp({ context, response }: Parameters<NonNullable<MiddlewareObj['after']>>[0]): void {
    if (response) response.headers = { ...response.headers, 'x-request-id': edgeOf(context).requestId };
  }
}
