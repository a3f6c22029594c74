/**
 * What the middlewares have learned about one request. It hangs on the Lambda context, the one object that every
 * nested middy handler of an invocation shares, without widening the context's type.
 */
import type { Context } from 'aws-lambda';
import { AppError } from '#core/errors.ts';
import type { KeyRecord, TenantRecord } from '#core/tenancy/tenant.ts';

/** Who asks: the tenant behind the key. */
export interface Caller {
  readonly keyId: string;
  readonly key: KeyRecord;
  readonly tenant: TenantRecord;
  /** Model ids that both the tenant and the key may use; null: every one. */
  readonly granted: readonly string[] | null;
}

/** The parts of a request after validation; what the route does not take is `undefined`. */
export interface ParsedParts {
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
  readonly form: unknown;
}

export interface Edge {
  readonly requestId: string;
  readonly startedAtMs: number;
  /** Its trace (W3C), in which its job goes on. */
  readonly traceparent: string;
  /** The same request's in X-Ray, where it came through that. */
  readonly xrayId: string | null;
  /** Id of the matched route, for logs. */
  route: string | null;
  /** Null until authenticated, and on routes that ask for no key. */
  caller: Caller | null;
  /** The body as JSON, not validated; undefined when there is none. */
  json: unknown;
  /** The body as the fields of a form, not validated; undefined when it is none. */
  form: unknown;
  parts: ParsedParts;
}

const edges = new WeakMap<Context, Edge>();

type Opening = Pick<Edge, 'requestId' | 'startedAtMs' | 'traceparent' | 'xrayId'>;

export function openEdge(context: Context, opening: Opening): void {
  const parts = {
    params: undefined,
    query: undefined,
    headers: undefined,
    body: undefined,
    form: undefined,
  };
  edges.set(context, {
    ...opening,
    route: null,
    caller: null,
    json: undefined,
    form: undefined,
    parts,
  });
}

/** Throws `internal` for an invocation that the request id middleware did not see. */
export function edgeOf(context: Context): Edge {
  const edge = edges.get(context);
  if (edge === undefined) throw new AppError('internal', { privateDetail: 'no request id was given' });
  return edge;
}
