import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { Outbound } from '#core/egress/outbound.ts';
import { readAnswer, writeRequest } from '#core/egress/outbound-wire.ts';

/** For the start of a function that was not asked for a while, and the way there and back. */
const startMs = 5_000;

/**
 * Lets a function of its own ask: nothing that has rights or secrets opens a connection to where a tenant says. An answer
 * may have 4 MiB: as base64 that is what a function may return (6 MB).
 *
 * `send` rejects where that function cannot be asked or fails, which says nothing of the address.
 */
export function createLambdaOutbound(options: {
  readonly region: string;
  readonly functionName: string;
  /** Only for a stack that is not AWS. */
  readonly endpoint?: string;
}): Outbound {
  const { region, functionName, endpoint } = options;
  const client = new LambdaClient({ region, ...(endpoint === undefined ? {} : { endpoint }) });
  return {
    async send(request) {
      const invocation = new InvokeCommand({
        FunctionName: functionName,
        Payload: Buffer.from(writeRequest(request)),
      });
      const abortSignal = AbortSignal.timeout(request.timeoutMs + startMs);
      const { FunctionError, Payload } = await client.send(invocation, { abortSignal });
      if (FunctionError !== undefined || Payload === undefined)
        throw new Error(`the function of outbound requests failed: ${FunctionError}`);
      return readAnswer(Payload.transformToString());
    },
  };
}
