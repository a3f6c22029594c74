/**
 * The HTTP edge: binds the route table to its handlers. A request passes the middlewares below from top to bottom and
 * its answer passes them from bottom to top; what any of them throws becomes the error answer in `problem`.
 */
import type { MiddlewareObj } from '@middy/core';
import middy from '@middy/core';
import httpRouter from '@middy/http-router';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { rememberRefusals } from '#core/admission/remember-refusals.ts';
import type { Route } from '#core/api/route.ts';
import type { RouteId } from '#core/api/routes.ts';
import { routeList, routes } from '#core/api/routes.ts';
import { AppError } from '#core/errors.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import type { ApiResult } from './answer.ts';
import { proxyResult } from './answer.ts';
import type { ApiDeps } from './api-deps.ts';
import { apiUrlOf } from './api-url.ts';
import { goneOf } from './client-gone.ts';
import { edgeOf } from './edge.ts';
import { HeadedError } from './headed-error.ts';
import type { KeyHolders } from './key-holders.ts';
import { createKeyHolders } from './key-holders.ts';
import { accessLog } from './middlewares/access-log.ts';
import { authenticate } from './middlewares/authenticate.ts';
import { bodyLimit } from './middlewares/body-limit.ts';
import { formBody } from './middlewares/form-body.ts';
import { jsonBody } from './middlewares/json-body.ts';
import { nameRoute } from './middlewares/name-route.ts';
import { problem } from './middlewares/problem.ts';
import { requestId } from './middlewares/request-id.ts';
import { validate } from './middlewares/validate.ts';
import type { ApiCall, RouteHandler } from './route-handler.ts';
import { routeHandlers } from './route-handlers.ts';

type Middleware = MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult>;

export type ApiHandler = (event: APIGatewayProxyEvent, context: Context) => Promise<ApiResult>;

/** Every middleware, outermost first: the first three see every request, the others one that a route matches. */
function middlewares(deps: ApiDeps, holders: KeyHolders) {
  return {
    everyRequest: [requestId(deps), accessLog(deps), problem(deps)],
    ofRoute: (route: Route): Middleware[] => [
      nameRoute(route),
      bodyLimit(route),
      authenticate({ ...deps, holders }, route.scope),
      ...(route.form === undefined ? [] : [formBody(route)]),
      ...(route.method === 'GET' ? [] : [jsonBody()]),
      validate(route),
    ],
  };
}

const timing = {
  /** What is left of the function's time when we answer 503 rather than be cut off without an answer. */
  answerMs: 500,
  /** Where nobody counts the time, as in a test, a request may take as long as the longest integration. */
  unboundedMs: 15 * 60_000,
} as const;

export function createApiHandler(given: Omit<ApiDeps, 'outlooks'>): ApiHandler {
  const gates = rememberRefusals(given.gates, given.clock);
  const deps = { ...given, gates, outlooks: createOutlooks(given, given) };
  const { everyRequest, ofRoute } = middlewares(deps, createKeyHolders(deps));
  const bound = Object.values(routes).map((route) => ({
    route,
    handler: middy({ timeoutEarlyInMillis: 0 }).use(ofRoute(route)).handler(bind(deps, route.id)),
  }));
  const api = middy({ timeoutEarlyInMillis: timing.answerMs, timeoutEarlyResponse: outOfTime })
    .use(everyRequest)
    .handler(
      httpRouter({
        routes: bound.flatMap(({ route, handler }) =>
          methodsOf(route).map((method) => ({ method, path: route.path, handler })),
        ),
        notFoundResponse: refuseUnrouted,
      }),
    );
  return async (event, context) => api(event, context);
}

function bind(deps: ApiDeps, id: RouteId) {
  // The table ties each handler to the id it is stored under; validation gave the parts that id's types.
  const handle = routeHandlers[id] as RouteHandler<RouteId>;
  return async (event: APIGatewayProxyEvent, context: Context): Promise<ApiResult> => {
    const edge = edgeOf(context);
    const leftMs = context.getRemainingTimeInMillis?.() ?? timing.unboundedMs;
    const gone = goneOf(context);
    const call = {
      caller: edge.caller,
      ...edge.parts,
      endsAtMs: deps.clock.nowMs() + leftMs - 2 * timing.answerMs,
      gone,
      requestId: edge.requestId,
      traceparent: edge.traceparent,
      apiUrl: apiUrlOf(event),
    } as ApiCall<RouteId>;
    return proxyResult(await handle(deps, call));
  };
}

/** A route that reads and takes nothing away can be asked for its headers alone; the server leaves the body out. */
function methodsOf({ method, isReadOnce }: Route): (Route['method'] | 'HEAD')[] {
  return method === 'GET' && isReadOnce === undefined ? ['GET', 'HEAD'] : [method];
}

const pathForms = routeList.map((route) => ({
  route,
  form: new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+')}/?$`),
}));

function refuseUnrouted({ path }: { path: string }): never {
  const allowed = pathForms.filter(({ form }) => form.test(path)).flatMap(({ route }) => methodsOf(route));
  if (allowed.length === 0) throw new AppError('not_found', { publicMessage: 'There is no such path.' });
  throw new HeadedError(new AppError('method_not_allowed'), { allow: allowed.toSorted().join(', ') });
}

function outOfTime(): never {
  throw new AppError('unavailable', { privateDetail: 'the function ran out of time' });
}
