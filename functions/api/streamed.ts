/**
 * The API as a function whose answers stream (`awslambda.streamifyResponse`, the `STREAM` transfer mode of API Gateway's REST
 * APIs). Every answer goes this way: a short one as a whole, a stream of events as it comes, no faster than the client
 * reads. When the client hangs up, what is done for it alone stops.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import type { ApiResult } from './answer.ts';
import { noteClient } from './client-gone.ts';
import type { ApiHandler } from './handler.ts';

/** What the runtime wants to know before the first byte of a body. */
export interface AnswerHead {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** `awslambda.HttpResponseStream.from`: the stream that a body goes to, under this head. */
export type BeginAnswer = (responseStream: Writable, head: AnswerHead) => Writable;

/** Resolves once the answer was handed over as a whole, or nobody wants it any more. */
export type StreamingHandler = (
  event: APIGatewayProxyEvent,
  responseStream: Writable,
  context: Context,
) => Promise<void>;

export function streamed(handler: ApiHandler, begin: BeginAnswer): StreamingHandler {
  return async (event, responseStream, context) => {
    const gone = new AbortController();
    // After an answer that went out as a whole it changes nothing.
    for (const end of ['close', 'error'] as const) responseStream.once(end, () => gone.abort());
    noteClient(context, gone.signal);
    const result = await handler(event, context);
    const isHead = event.httpMethod === 'HEAD';
    try {
      if (gone.signal.aborted) return;
      const out = begin(responseStream, headOf(result));
      // The runtime sends the head with the first write, of nothing too.
      out.write('');
      if (!isHead) await pour(result, out, gone.signal);
      out.end();
    } finally {
      await result.stream?.end();
    }
  };
}

function headOf({ statusCode, headers = {}, body, stream }: ApiResult): AnswerHead {
  const hasLength = stream === undefined && statusCode !== 304;
  return {
    statusCode,
    headers: {
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      ...(hasLength ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
    },
  };
}

async function pour({ body, stream }: ApiResult, out: Writable, gone: AbortSignal): Promise<void> {
  if (stream === undefined) {
    out.write(body);
    return;
  }
  for await (const text of stream.lines) {
    if (gone.aborted) return;
    if (!out.write(text)) await drained(out, gone);
  }
}

/** Until the client has taken what it was sent, or is gone. */
async function drained(out: Writable, gone: AbortSignal): Promise<void> {
  try {
    await once(out, 'drain', { signal: gone });
  } catch (error) {
    if (!gone.aborted) throw error;
  }
}
