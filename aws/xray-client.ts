/** The client of X-Ray: one more try, and then the spans are lost rather than late. */
import { XRayClient } from '@aws-sdk/client-xray';

const limits = { connectMs: 2_000, requestMs: 5_000, attemptsMax: 2 };

export function createXRayClient(region: string): XRayClient {
  return new XRayClient({
    region,
    maxAttempts: limits.attemptsMax,
    requestHandler: {
      connectionTimeout: limits.connectMs,
      requestTimeout: limits.requestMs,
      throwOnRequestTimeout: true,
    },
  });
}
