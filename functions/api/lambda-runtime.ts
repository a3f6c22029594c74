/** The API as Lambda's own Node runtime takes a function that streams: it offers `awslambda` to the code that it runs. */
import type { ApiHandler } from './handler.ts';
import type { BeginAnswer, StreamingHandler } from './streamed.ts';
import { streamed } from './streamed.ts';

export interface LambdaRuntime {
  /** Marks the function, so that the runtime gives it a stream to answer on. */
  streamifyResponse(handler: StreamingHandler): StreamingHandler;
  readonly HttpResponseStream: { readonly from: BeginAnswer };
}

/** Null outside of Lambda, where nobody offers a stream. */
export function streamingEntry(handler: ApiHandler): StreamingHandler | null {
  const runtime = runtimeOf(globalThis);
  if (runtime === null) return null;
  const { from } = runtime.HttpResponseStream;
  return runtime.streamifyResponse(streamed(handler, (responseStream, head) => from(responseStream, head)));
}

function runtimeOf(scope: { readonly awslambda?: unknown }): LambdaRuntime | null {
  // The documented form of the runtime's own object.
  const { streamifyResponse, HttpResponseStream } = (scope.awslambda ?? {}) as Partial<LambdaRuntime>;
  // Elsewhere the AWS SDK leaves an object of this name, without what the runtime puts there.
  if (streamifyResponse === undefined || HttpResponseStream === undefined) return null;
  return { streamifyResponse, HttpResponseStream };
}
