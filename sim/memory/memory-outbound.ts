/** `Outbound` in memory: receivers that answer as they are told, and what came to them. */
import type { Outbound, OutboundAnswer, OutboundRequest } from '#core/egress/outbound.ts';
import type { Clock } from '#core/ports/process.ts';

/** What a receiver does with one request; `tries` counts those it has had, this one included. */
export type Receiver = (request: OutboundRequest, tries: number) => Promise<OutboundAnswer> | OutboundAnswer;

export interface ReceivedMessage {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly atMs: number;
}

export interface MemoryOutbound extends Outbound {
  readonly received: readonly ReceivedMessage[];
  /** Requests under way now, and the most there ever were, by URL. */
  readonly underWay: ReadonlyMap<string, { now: number; most: number }>;
  /** From now on this receiver answers there; others take everything. */
  listen(url: string, receiver: Receiver): void;
}

export function createMemoryOutbound({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): MemoryOutbound {
  const receivers = new Map<string, Receiver>();
  const received: ReceivedMessage[] = [];
  const underWay = new Map<string, { now: number; most: number }>();
  return {
    received,
    underWay,
    listen: (url, receiver) => void receivers.set(url, receiver),
    async send(request) {
      const { url, headers, body } = request;
      received.push({ url, headers, body: new TextDecoder().decode(body), atMs: clock.nowMs() });
      const load = underWay.get(url) ?? { now: 0, most: 0 };
      underWay.set(url, { now: load.now + 1, most: Math.max(load.most, load.now + 1) });
      try {
        const tries = received.filter((each) => each.url === url).length;
        return await (receivers.get(url)?.(request, tries) ?? answered(204));
      } finally {
        const { now, most } = underWay.get(url) ?? load;
        underWay.set(url, { now: now - 1, most });
      }
    },
  };
}

export function answered(status: number, headers: Readonly<Record<string, string>> = {}): OutboundAnswer {
  return { kind: 'answered', status, headers, body: new Uint8Array(), truncated: false };
}
