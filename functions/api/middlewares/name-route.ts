import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { Route } from '#core/api/route.ts';
import { edgeOf } from '../edge.ts';

/** Notes which route matched, for the log lines of this request. */
export function nameRoute(route: Route): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    before({ context }) {
      edgeOf(context).route = route.id;
    },
  };
}
