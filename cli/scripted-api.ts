/**
 * For tests: a real HTTP server on a free port whose answers the test gives, each body checked against the schema that
 * the table of routes names for that status. An unexpected request answers 599, which no test takes for success.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ErrorResource } from '#core/api/error-resource.ts';
import { errorSchema, presentError } from '#core/api/error-resource.ts';
import type { Answer, Route } from '#core/api/route.ts';
import { routeList } from '#core/api/routes.ts';
import type { AppErrorOptions, RequestErrorCode } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes and text go out as they are, unchecked. */
  readonly body?: unknown;
}

/** Answers one request; null: never answers it. */
export type Script = (request: SeenRequest, url: string) => ScriptedAnswer | null;

export interface ScriptedApi extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
}

export async function startScriptedApi(script: Script): Promise<ScriptedApi> {
  const requests: SeenRequest[] = [];
  let url = '';
  const server = createServer(async (incoming, outgoing) => {
    const request = await seenOf(incoming);
    requests.push(request);
    const answer = script(request, url);
    if (answer === null) return;
    checkAnswer(request, answer);
    const raw = typeof answer.body === 'string' || answer.body instanceof Uint8Array;
    outgoing.writeHead(answer.status, { 'x-request-id': 'req_test', ...answer.headers });
    outgoing.end(raw ? answer.body : answer.body === undefined ? undefined : JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function refusal(
  code: RequestErrorCode,
  options: AppErrorOptions = {},
): { status: number; body: ErrorResource; headers: Record<string, string> } {
  const after = options.retryAfterSeconds;
  const headers: Record<string, string> = after === undefined ? {} : { 'retry-after': String(after) };
  return { ...presentError(new AppError(code, options), 'req_test'), headers };
}

/** What goes to a store of files is no JSON, and no JSON is said of it. */
function isJson({ headers }: IncomingMessage): boolean {
  return headers['content-type'] === 'application/json';
}

async function seenOf(incoming: IncomingMessage): Promise<SeenRequest> {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://localhost');
  const body = await text(incoming);
  return {
    method: incoming.method ?? '',
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: incoming.headers,
    body: body === '' ? undefined : isJson(incoming) ? JSON.parse(body) : body,
  };
}

/** A test must not teach the client a shape that the API does not have. */
function checkAnswer({ method, path }: SeenRequest, { status, body }: ScriptedAnswer): void {
  if (typeof body === 'string' || body instanceof Uint8Array) return;
  const route = routeList.find((each) => each.method === method && formOf(each).test(path));
  if (status >= 400) errorSchema.parse(body);
  else if (route !== undefined) {
    const answer: Answer | undefined = route.answers[status];
    if (answer === undefined) throw new Error(`${route.id} does not answer ${status}`);
    answer.schema?.parse(body);
  }
}

function formOf({ path }: Route): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}
