/**
 * The API as the generated client has it (clients/typescript), by the id of a call. Every answer is parsed with the schema
 * that the table of routes names, and what is none becomes an error with an exit code.
 */
import { createClient as createFetchClient } from '#client/client.ts';
import type { RepeatOptions } from '#client/repeating.ts';
import { defaultRepeats, repeat } from '#client/repeating.ts';
import type { operations } from '#client/schema.ts';
import type { Answer, Route } from '#core/api/route.ts';
import { routes } from '#core/api/routes.ts';
import { parseAnswer, refusalOf } from './answer.ts';
import { CliError, exitCodes, interruptedError } from './cli-error.ts';

/** Calls of the API that a program makes; those in the words of others have clients of their own. */
export type CallId = keyof operations & keyof typeof routes;

type Part<Name extends string, Value> = [NonNullable<Value>] extends [never]
  ? unknown
  : undefined extends Value
    ? { readonly [K in Name]?: Value }
    : { readonly [K in Name]: Value };

export type AskOf<Id extends CallId> = Part<'params', operations[Id]['parameters']['path']> &
  Part<'query', operations[Id]['parameters']['query']> &
  Part<'headers', operations[Id]['parameters']['header']> &
  BodyPart<operations[Id]>;

type BodyPart<Operation> = Operation extends { requestBody: infer Asked }
  ? { readonly body: JsonOf<Asked> }
  : Operation extends { requestBody?: infer Asked }
    ? Part<'body', JsonOf<Asked> | undefined>
    : unknown;

type JsonOf<Asked> =
  NonNullable<Asked> extends { content: { 'application/json': infer Body } } ? Body : never;

type BodyOf<Response> = Response extends { content: { 'application/json': infer Body } } ? Body : undefined;

export type AnswerOf<Id extends CallId> = {
  [S in Exclude<keyof operations[Id]['responses'], 'default'>]: {
    readonly status: S;
    readonly headers: Headers;
    readonly body: BodyOf<operations[Id]['responses'][S]>;
    /** The body as it came, with fields that this version does not know. */
    readonly json: unknown;
  };
}[Exclude<keyof operations[Id]['responses'], 'default'>];

export interface Client {
  /** Throws a {@link CliError}: `refused` for 4xx, `unreachable` for 5xx and the network, or `interrupted`. */
  call<Id extends CallId>(id: Id, ask: AskOf<Id>, signal?: AbortSignal): Promise<AnswerOf<Id>>;
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

type LooseRequest = (method: string, path: string, how: object) => Promise<LooseAnswer>;

interface LooseAnswer {
  /** The text of an answer. */
  readonly data?: string | undefined;
  /** The body of what is none: a document, or its text where that is none. */
  readonly error?: unknown;
  readonly response: Response;
}

/** A link for uploads works as long; 250 MB take half of it on a line of 1 Mbit/s. */
const uploadMs = 60 * 60 * 1_000;

export function createClient(options: ClientOptions): Client {
  const { url, key, version, interrupted, timeoutMs, sleep, random } = options;
  const repeats: RepeatOptions = { ...defaultRepeats, timeoutMs, sleep, random };
  const api = createFetchClient({
    ...repeats,
    url,
    key,
    headers: { 'user-agent': `pilotlight-cli/${version}` },
  });
  return {
    async call(id, ask, signal = interrupted) {
      const route: Route = routes[id];
      // Every ask has at most these parts; TypeScript cannot see that while the id is open.
      const { params: path, query, headers: header, body } = ask as LooseAsk;
      // The client's types are by path, and this one's by id, out of the same document.
      const request = api.request as LooseRequest;
      // Redirects are the caller's to follow: fetch would ask their target, a store of files, for the API's headers.
      const how = { params: { path, query, header }, body, signal, redirect: 'manual', parseAs: 'text' };
      const answer = await reached(url, signal, () => request(route.method, route.path, how));
      // It was parsed with the schema that this status has in the same table the document comes from.
      return read(route, answer) as AnswerOf<typeof id>;
    },
    async upload({ url: to, headers }, body) {
      // fetch names the length of a blob by itself and takes it from nobody else.
      const own = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length');
      const request = new Request(to, { method: 'PUT', headers: Object.fromEntries(own), body });
      const response = await follow(request, { ...repeats, timeoutMs: uploadMs });
      if (!response.ok)
        throw refusalOf(response, await response.text(), `The store of files answered ${response.status}.`);
    },
    async download(location) {
      const response = await follow(new Request(location), repeats);
      if (response.ok) return new Uint8Array(await response.arrayBuffer());
      throw refusalOf(response, await response.text(), `The store of results answered ${response.status}.`);
    },
  };

  /** Of a link, which works without the key. */
  function follow(request: Request, how: RepeatOptions): Promise<Response> {
    const asked = new Request(request, { signal: interrupted });
    return reached(asked.url, interrupted, () => repeat(how, asked, { isRepeatable: true, waitMs: 0 }));
  }
}

/** What was sent and got no answer is told in the words of a person who has to find out why. */
async function reached<T>(url: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (signal.aborted) throw interruptedError();
    throw new CliError(`cannot reach ${new URL(url).origin}: ${reasonOf(error)}`, {
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

function read(route: Route, { data, error, response }: LooseAnswer): object {
  const { status, headers } = response;
  const expected: Answer | undefined = route.answers[status];
  if (expected === undefined) throw refusalOf(response, error, `The API answered ${status}.`);
  if (expected.schema === undefined) return { status, headers, body: undefined, json: null };
  // An answer of the table may have a status that the client takes for a refusal.
  const text = data ?? (typeof error === 'string' ? error : JSON.stringify(error ?? null));
  const { body, json } = parseAnswer(expected.schema, text, response);
  return { status, headers, body, json };
}
