/** Where the spans of this worker's attempts go, as its environment says. */
import type { AwsPorts } from '#aws/aws-ports.ts';
import type { Spans } from '#core/observability/spans.ts';
import { logSpans } from '#core/observability/spans.ts';
import type { WorkerEnv } from './env.ts';

export interface OpenSpans extends Spans {
  /** Resolves once what was told is sent, or lost. */
  close(): Promise<void>;
}

/** Null where nobody asks for any. */
export async function openSpans(ports: AwsPorts, env: WorkerEnv): Promise<OpenSpans | null> {
  switch (env.PILOTLIGHT_SPANS) {
    case 'none':
      return null;
    case 'log':
      return { ...logSpans(ports.log), close: async () => undefined };
    case 'xray': {
      // Its SDK is loaded for nobody else.
      const [{ createXRaySpans }, { createXRayClient }] = await Promise.all([
        import('#aws/xray-spans.ts'),
        import('#aws/xray-client.ts'),
      ]);
      const { clock, metrics } = ports;
      const { AWS_REGION, PILOTLIGHT_DEPLOYMENT: deployment, PILOTLIGHT_POOL: pool } = env;
      return createXRaySpans({ client: createXRayClient(AWS_REGION), clock, metrics, deployment, pool });
    }
  }
}
