/**
 * Stands where API Gateway and Lambda's runtime stand on AWS: turns HTTP into REST proxy events, invokes the API's
 * streaming entry, and passes its answer on as it comes. Listens on the loopback address only.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Writable } from 'node:stream';
import { presentError } from '#core/api/error-resource.ts';
import { AppError } from '#core/errors.ts';
import type { Log } from '#core/ports/process.ts';
import type { ApiHandler } from '#functions/api/handler.ts';
import { doorKey } from '#functions/api/middlewares/authenticate.ts';
import { securityHeaders } from '#functions/api/security-headers.ts';
import type { AnswerHead } from '#functions/api/streamed.ts';
import { streamed } from '#functions/api/streamed.ts';
import { listen } from './listen.ts';
import { invocationContext, proxyEvent } from './proxy-event.ts';
import { refuseUnreadable } from './unreadable-request.ts';

const gatewayLimits = {
  /** API Gateway refuses a larger payload. */
  bodyBytesMax: 10 * 1024 * 1024,
  /** A client that goes on sending after a 413 is cut off then; until then it has time to read the answer. */
  lingerMs: 1_000,
  /** Answers under way get this long when the gateway closes; a long poll does not get its minute. */
  closeMs: 5_000,
  /** Longer than a client's own, so that it is never our side that closes under a request. */
  keepAliveMs: 65_000,
  /**
   * Requests under way at a time, as many as Lambda runs of all functions of an account by default. More are told to
   * come back at once: a refusal costs next to nothing, and the requests that were taken keep their pace.
   */
  inFlightMax: 1_000,
  /** In a burst of thousands a request waits for its turn in our one thread; Node's 60 s would cut it off unanswered. */
  headersMs: 5 * 60_000,
} as const;

export interface GatewayOptions {
  readonly handler: ApiHandler;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
  /**
   * The one tenant whose keys are let in here.
   * @default every tenant
   */
  readonly tenantId?: string;
}

export interface Gateway {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Takes no more connections and lets open requests end, for `withinMs` (5 s) at most. */
  close(withinMs?: number): Promise<void>;
}

const serverOptions = {
  keepAliveTimeout: gatewayLimits.keepAliveMs,
  headersTimeout: gatewayLimits.headersMs,
  requestTimeout: gatewayLimits.headersMs,
};

/** Listens. Throws `StartError('port_in_use')` when something else does already. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  let inFlight = 0;
  const server = createServer(serverOptions, (request, response) => {
    const requestId = randomUUID();
    if (inFlight >= gatewayLimits.inFlightMax) return shed(request, response, requestId);
    inFlight += 1;
    response.on('close', () => {
      inFlight -= 1;
    });
    // A connection that goes on idling would hold up the closing.
    response.on('finish', () => {
      if (!server.listening) request.socket.end();
    });
    answer(options, request, response, requestId).catch((error: unknown) => {
      options.log.error('gateway.failed', { requestId, reason: String(error) });
      if (response.headersSent) response.destroy();
      else refuse(response, requestId, new AppError('internal', { cause: error }));
    });
  });
  server.on('clientError', refuseUnreadable);
  const url = await listen(server, options.port);
  return { url, close: (withinMs) => close(server, withinMs) };
}

async function close(server: Server, withinMs: number = gatewayLimits.closeMs): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), withinMs);
  await closed;
  clearTimeout(cut);
}

async function answer(
  { handler, tenantId }: GatewayOptions,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  // A client that hangs up is no event of ours; without a listener it would end the process.
  response.on('error', () => response.destroy());
  const body = await readBody(request);
  if (body === 'gone') return;
  if (body === 'too_large') return refuseLarge(request, response, requestId);
  const event = proxyEvent(request, body, requestId);
  // Where API Gateway puts what an authorizer says: no part of a request reaches it.
  if (tenantId !== undefined) event.requestContext.authorizer = { [doorKey]: tenantId };
  await streamed(handler, beginOn(response))(event, response, invocationContext(requestId));
}

/** `gone`: the client hung up before it had sent everything. */
async function readBody(request: IncomingMessage): Promise<Buffer | 'too_large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > gatewayLimits.bodyBytesMax) return 'too_large';
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= gatewayLimits.bodyBytesMax) chunks.push(chunk);
      else resolve('too_large');
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => resolve('gone'));
    request.on('close', () => resolve('gone'));
  });
}

/**
 * Answers while the client may still be sending, and goes on reading for a moment: closing at once would reset the
 * connection, and the client would see that instead of the answer.
 */
function refuseLarge(request: IncomingMessage, response: ServerResponse, requestId: string): void {
  const publicMessage = 'The body is larger than 10 MiB.';
  response.setHeader('connection', 'close');
  refuse(response, requestId, new AppError('payload_too_large', { publicMessage }));
  request.resume();
  const cut = setTimeout(() => request.destroy(), gatewayLimits.lingerMs);
  request.on('close', () => clearTimeout(cut));
}

function shed(request: IncomingMessage, response: ServerResponse, requestId: string): void {
  request.resume();
  const publicMessage = `${gatewayLimits.inFlightMax} requests are under way. Try again shortly.`;
  refuse(response, requestId, new AppError('unavailable', { publicMessage, retryAfterSeconds: 1 }));
}

/** A refusal that the handler had no part in. */
function refuse(response: ServerResponse, requestId: string, error: AppError): void {
  const { status, body } = presentError(error, requestId);
  const { retryAfterSeconds } = error.options;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...securityHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    'x-request-id': requestId,
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  });
  response.end(text);
}

/** As the runtime's `HttpResponseStream.from` does, on the connection itself. */
function beginOn(response: ServerResponse): (responseStream: Writable, head: AnswerHead) => Writable {
  return (responseStream, { statusCode, headers }) => {
    response.writeHead(statusCode, headers);
    // A stream may say nothing for a while: its reader is to know that it was taken.
    if (!('content-length' in headers)) response.flushHeaders();
    return responseStream;
  };
}
