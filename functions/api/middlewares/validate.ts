/** Checks every part of the request against the route's schemas and names every fault at once. */
import type { MiddlewareObj } from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import * as z from 'zod';
import type { Route } from '#core/api/route.ts';
import type { ErrorDetail } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import type { ParsedParts } from '../edge.ts';
import { edgeOf } from '../edge.ts';
import { requestHeaders } from '../request-headers.ts';

/** For a route that takes none of it. `{}` is what some clients send when they have nothing to say. */
const nothing = z.strictObject({}).optional();

export function validate(route: Route): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  const bodySchema = route.body ?? (route.method === 'GET' ? z.unknown() : nothing);
  return {
    before({ event, context }) {
      const edge = edgeOf(context);
      const details = repeatedNames(event);
      const read = (schema: z.ZodType, value: unknown): unknown => {
        const parsed = schema.safeParse(value);
        if (parsed.success) return parsed.data;
        details.push(...faultsOf(parsed.error));
        return undefined;
      };
      const parts: ParsedParts = {
        params: route.params && read(route.params, event.pathParameters ?? {}),
        query: read(route.query ?? nothing, queryOf(event)),
        headers: route.headers && read(route.headers, Object.fromEntries(requestHeaders(event))),
        body: edge.form === undefined ? read(bodySchema, edge.json) : undefined,
        form: route.form && edge.form !== undefined ? read(route.form, edge.form) : undefined,
      };
      if (details.length > 0) throw new AppError('invalid_request', { details });
      edge.parts = parts;
    },
  };
}

/** A name given twice means one thing to us and another to somebody else. */
function repeatedNames(event: APIGatewayProxyEvent): ErrorDetail[] {
  return Object.entries(event.multiValueQueryStringParameters ?? {}).flatMap(([path, values]) => {
    // No schema sees this name: an object schema passes over it in silence.
    if (path === '__proto__') return [{ path, message: 'is not a known field' }];
    return (values?.length ?? 0) > 1 ? [{ path, message: 'must be given once' }] : [];
  });
}

function queryOf(event: APIGatewayProxyEvent): Record<string, string | undefined> {
  return event.queryStringParameters ?? {};
}
