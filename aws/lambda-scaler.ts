import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { Scaler } from '#core/ports/pools.ts';

/** Queueing an invocation takes ~20 ms; past this the scaler's own minute tick is the better bet. */
const queueWithinMs = 2_000;

/** Queues a run of the scaler function and does not wait for it; its tick repairs an invocation that got lost. */
export function createLambdaScaler(options: {
  readonly region: string;
  readonly functionName: string;
  /** Only for a stack that is not AWS. */
  readonly endpoint?: string;
}): Scaler {
  const { region, functionName, endpoint } = options;
  const client = new LambdaClient({ region, ...(endpoint === undefined ? {} : { endpoint }) });
  return {
    async wake(pool) {
      const invocation = new InvokeCommand({
        FunctionName: functionName,
        InvocationType: 'Event',
        Payload: Buffer.from(JSON.stringify({ pool })),
      });
      await client.send(invocation, { abortSignal: AbortSignal.timeout(queueWithinMs) });
    },
  };
}
