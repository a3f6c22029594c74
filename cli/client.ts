/**
 * The API as typed calls: what a call takes and gives is inferred from the table of routes, and every answer is
 * parsed with the schema that the table names. Calls that are safe to repeat (reads, cancel, and submissions, which
 * always carry an Idempotency-Key) are repeated a few times when the network or the service fails.
 */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Answer, Route } from '#core/api/route.ts';
import type { RouteId } from '#core/api/routes.ts';
import { routes } from '#core/api/routes.ts';
import { parseAnswer, refusalOf } from './answer.ts';
import { CliError, exitCodes, interruptedError } from './cli-error.ts';
import type { Attempt } from './retry.ts';
import { retrying } from './retry.ts';

type Routes = typeof routes;

type ParamsPart<R> = R extends { params: z.ZodObject<infer Shape> }
  ? { readonly params: { readonly [K in keyof Shape]: string } }
  : unknown;

/** A schema with a catch-all lets metadata filters through. */
type MetadataQuery<Config> = Config extends { out: infer Out }
  ? string extends keyof Out
    ? { readonly [K in `metadata.${string}`]?: string }
    : unknown
  : unknown;

type QueryPart<R> = R extends { query: z.ZodObject<infer Shape, infer Config> }
  ? { readonly query?: { readonly [K in keyof Shape]?: z.output<Shape[K]> } & MetadataQuery<Config> }
  : unknown;

type HeadersPart<R> = R extends { headers: z.ZodObject<infer Shape> }
  ? { readonly headers?: { readonly [K in keyof Shape]?: string } }
  : unknown;

type BodyPart<R> = R extends { body: infer Schema extends z.ZodType }
  ? { readonly body: z.input<Schema> }
  : unknown;

export type AskOf<Id extends RouteId> = ParamsPart<Routes[Id]> &
  QueryPart<Routes[Id]> &
  HeadersPart<Routes[Id]> &
  BodyPart<Routes[Id]>;

type BodyOf<A> = A extends { schema: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;

export type AnswerOf<Id extends RouteId> = {
  [S in keyof Routes[Id]['answers']]: {
    readonly status: S;
    readonly headers: Headers;
    readonly body: BodyOf<Routes[Id]['answers'][S]>;
    /** The body as it came, with fields that this version does not know. */
    readonly json: unknown;
  };
}[keyof Routes[Id]['answers']];

export interface Client {
  /** Throws a {@link CliError}: `refused` for 4xx, `unreachable` for 5xx and the network, or `interrupted`. */
  call<Id extends RouteId>(id: Id, ask: AskOf<Id>, signal?: AbortSignal): Promise<AnswerOf<Id>>;
  /** The bytes behind a link that an answer gave; sent without the key. */
  download(location: string): Promise<Uint8Array>;
  /** Puts the bytes where a link says that an answer gave; sent without the key. */
  upload(link: UploadLink, body: Blob): Promise<void>;
}

export interface UploadLink {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ClientOptions {
  /** May hold a path, such as the stage of an API Gateway. */
  readonly url: string;
  readonly key: string;
  /** For one try of one call; a call that asks the API to wait gets that much more. */
  readonly timeoutMs: number;
  /** Ends calls that bring no signal of their own. */
  readonly interrupted: AbortSignal;
  readonly version: string;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1, for jitter. */
  random(): number;
}

/** The loose form of every ask, for the one function that sends them all. */
interface LooseAsk {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** A link for uploads works as long; 250 MB take half of it on a line of 1 Mbit/s. */
const uploadMs = 60 * 60 * 1_000;

export function createClient(options: ClientOptions): Client {
  return {
    async call(id, ask, signal = options.interrupted) {
      const route: Route = routes[id];
      // Every ask has at most these parts; TypeScript cannot see that while Id is open.
      const loose = ask as LooseAsk;
      const request = requestOf(options, route, loose);
      const waitMs = Number(loose.query?.wait ?? 0) * 1_000;
      const answer = await retrying({ ...options, signal, isRepeatable: isRepeatable(route) }, async () => {
        const response = await send(request, options.timeoutMs + waitMs, signal);
        return read(route, response);
      });
      // `read` parsed the body with the schema that this status has in the same table the type comes from.
      return answer as AnswerOf<typeof id>;
    },
    upload({ url, headers }, body) {
      const signal = options.interrupted;
      // fetch names the length of a blob by itself and takes it from nobody else.
      const own = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length');
      return retrying({ ...options, signal, isRepeatable: true }, async () => {
        const request = new Request(url, { method: 'PUT', headers: Object.fromEntries(own), body });
        const response = await send(request, uploadMs, signal);
        if (!response.ok) return refusalOf(response, `The store of files answered ${response.status}.`);
        await response.body?.cancel();
        return { kind: 'done', value: undefined };
      });
    },
    download(location) {
      const signal = options.interrupted;
      return retrying({ ...options, signal, isRepeatable: true }, async () => {
        const response = await send(new Request(location), options.timeoutMs, signal);
        if (response.ok) return { kind: 'done', value: await bytesOf(response) };
        return refusalOf(response, `The store of results answered ${response.status}.`);
      });
    },
  };
}

function requestOf({ url, key, version }: ClientOptions, route: Route, ask: LooseAsk): Request {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(ask.params?.[name] ?? ''),
  );
  const target = new URL(url.replace(/\/+$/, '') + path);
  for (const [name, value] of Object.entries(ask.query ?? {})) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  const headers = new Headers({ accept: 'application/json', 'user-agent': `pilotlight-cli/${version}` });
  if (route.scope !== null) headers.set('authorization', `Bearer ${key}`);
  if (takesIdempotencyKey(route)) headers.set('idempotency-key', randomUUID());
  for (const [name, value] of Object.entries(ask.headers ?? {})) {
    if (value !== undefined) headers.set(name, value);
  }
  if (ask.body !== undefined) headers.set('content-type', 'application/json');
  const body = ask.body === undefined ? null : JSON.stringify(ask.body);
  // Redirects are the caller's to follow: fetch would ask their target, a store of files, for the API's headers.
  return new Request(target, { method: route.method, headers, body, redirect: 'manual' });
}

function takesIdempotencyKey(route: Route): boolean {
  return route.headers !== undefined && 'idempotency-key' in route.headers.shape;
}

function isRepeatable(route: Route): boolean {
  return (
    route.method === 'GET' ||
    takesIdempotencyKey(route) ||
    route.id === 'cancelJob' ||
    route.id === 'retryJob' ||
    route.id === 'cancelBatch'
  );
}

/** A clone goes out, so that the request can go out again. */
async function send(request: Request, timeoutMs: number, signal: AbortSignal): Promise<Response> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return await fetch(request.clone(), { signal: AbortSignal.any([signal, deadline]) });
  } catch (error) {
    if (signal.aborted) throw interruptedError();
    const origin = new URL(request.url).origin;
    const reason = deadline.aborted ? `no answer in ${timeoutMs / 1_000} s` : reasonOf(error);
    throw new CliError(`cannot reach ${origin}: ${reason}`, {
      exitCode: exitCodes.unreachable,
      code: 'unreachable',
      cause: error,
    });
  }
}

/** fetch hides the cause of a failed connection one or two levels down. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof AggregateError) return reasonOf({ cause: cause.errors[0] } as Error);
  if (cause instanceof Error) return cause.message || cause.name;
  return error instanceof Error ? error.message : String(error);
}

async function read(route: Route, response: Response): Promise<Attempt<unknown>> {
  const expected: Answer | undefined = route.answers[response.status];
  if (expected === undefined) return refusalOf(response, `The API answered ${response.status}.`);
  const { status, headers } = response;
  if (expected.schema === undefined) {
    await response.body?.cancel();
    return { kind: 'done', value: { status, headers, body: undefined, json: null } };
  }
  const text = new TextDecoder().decode(await bytesOf(response));
  const { body, json } = parseAnswer(expected.schema, text, response);
  return { kind: 'done', value: { status, headers, body, json } };
}

/** A connection that breaks in the middle of a body is as worth another try as one that never came about. */
async function bytesOf(response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new CliError(`the answer broke off: ${reasonOf(error)}`, {
      exitCode: exitCodes.unreachable,
      code: 'unreachable',
      cause: error,
    });
  }
}
