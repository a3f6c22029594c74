/** Gives every request an id and puts it on every answer. */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { Clock, Ids } from '#core/ports.ts';
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
      const id = safeIdOf(requestHeaders(event).get('x-request-id')) ?? ids.next('req');
      openEdge(context, id, clock.nowMs());
    },
    after: stamp,
    onError: stamp,
  };

  function stamp({ context, response }: Parameters<NonNullable<MiddlewareObj['after']>>[0]): void {
    if (response) response.headers = { ...response.headers, 'x-request-id': edgeOf(context).requestId };
  }
}
