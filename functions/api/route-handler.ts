/** The type of a route's handler, read off the route table: what it validates is what the handler gets. */
import type { z } from 'zod';
import type { RouteId, routes } from '#core/api/routes.ts';
import type { ApiAnswer } from './answer.ts';
import type { ApiDeps } from './api-deps.ts';
import type { Caller } from './edge.ts';

type Table = typeof routes;

type Part<Id extends RouteId, Name extends string> = Table[Id] extends {
  readonly [N in Name]: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : undefined;

/** A request that passed every middleware. */
export interface ApiCall<Id extends RouteId> {
  /** Null on routes that ask for no key. */
  readonly caller: Table[Id]['scope'] extends null ? null : Caller;
  readonly params: Part<Id, 'params'>;
  readonly query: Part<Id, 'query'>;
  readonly headers: Part<Id, 'headers'>;
  /** Undefined where the request came as a form. */
  readonly body: Table[Id] extends { readonly form: z.ZodType }
    ? Part<Id, 'body'> | undefined
    : Part<Id, 'body'>;
  /** Undefined where it came as JSON. */
  readonly form: Part<Id, 'form'> | undefined;
  /** When this invocation must have answered, by our clock. */
  readonly endsAtMs: number;
  /** Aborts when the client hangs up. */
  readonly gone: AbortSignal;
  /** Names the request in our logs and in what it is told. */
  readonly requestId: string;
  /** Its trace (W3C): what is submitted goes on in it. */
  readonly traceparent: string;
  /** Where the client reached this API, without a slash at the end. */
  readonly apiUrl: string;
}

/** Answers one route; throws `AppError` for every refusal. */
export type RouteHandler<Id extends RouteId> = (deps: ApiDeps, call: ApiCall<Id>) => Promise<ApiAnswer>;
