/**
 * The adapters that invoke other functions, loaded with their first call: few requests need one, and every cold start would
 * parse the SDK's client of Lambda.
 */
import type { Outbound } from '#core/egress/outbound.ts';
import type { Scaler } from '#core/ports/pools.ts';

interface Named {
  readonly region: string;
  readonly functionName: string;
}

export function scalerOnDemand(options: Named): Scaler {
  const load = once(async () => (await import('./lambda-scaler.ts')).createLambdaScaler(options));
  return { wake: async (pool) => (await load()).wake(pool) };
}

export function outboundOnDemand(options: Named): Outbound {
  const load = once(async () => (await import('./lambda-outbound.ts')).createLambdaOutbound(options));
  return { send: async (request) => (await load()).send(request) };
}

/** Made with the first call, and by the next one where that failed: a function lives on for hours after it. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}
