/**
 * Sends webhooks as long as the platform runs: what a function does on AWS whenever something is put, and every minute.
 * Here one look a second, at an index partition that is empty while nothing is on its way, does for both.
 */

import type { Outbound } from '#core/egress/outbound.ts';
import type { EgressPolicy } from '#core/egress/policy.ts';
import type { DeliverPorts } from '#core/flows/deliver.ts';
import { deliverUntil } from '#core/flows/deliver.ts';
import { measuredOutbound } from '#core/observability/measured.ts';
import type { Metrics } from '#core/observability/metrics.ts';

export interface WebhookSender {
  /** Starts no further try and waits for those under way; a receiver has its time-out to answer. */
  stop(): Promise<void>;
}

/** For an operator who asks for it: receivers on this machine and its network, without encryption. */
export const alsoLocal: EgressPolicy = {
  schemes: ['https', 'http'],
  ports: 'any',
  privateAddresses: 'allowed',
};

export function startWebhooks(ports: DeliverPorts, metrics: Metrics): WebhookSender {
  const stopping = new AbortController();
  const running = deliverUntil(
    { ...ports, outbound: measuredOutbound(ports.outbound, metrics) },
    stopping.signal,
  );
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Loaded with the first request, so that nobody's start waits for it. */
export function outboundTo(policy: EgressPolicy): Outbound {
  let loaded: Promise<Outbound> | null = null;
  return {
    async send(request) {
      loaded ??= loadOutbound(policy);
      return (await loaded).send(request);
    },
  };
}

async function loadOutbound(policy: EgressPolicy): Promise<Outbound> {
  const { createGuardedOutbound } = await import('#functions/egress/guarded-outbound.ts');
  const { resolveAsMachine } = await import('#functions/egress/resolve-host.ts');
  return createGuardedOutbound({ policy, resolveHost: resolveAsMachine });
}
