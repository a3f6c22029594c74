/**
 * Hands out what is due, tenant by tenant. Tries run side by side within bounds, and looking for more waits for none of
 * them: a receiver that takes its whole time-out holds up a few tries of its own endpoint, and nobody else's.
 *
 * - an endpoint has `parallelOfEndpointMax` tries under way, a tenant `parallelOfTenantMax`, a process `parallelMax`;
 * - the last `parallelReserved` of those go to tenants that have none under way;
 * - tenants are gone through in turn, and where the room ends the next look goes on.
 *
 * Any number of processes may do this at once: a delivery is claimed by one write, and a process that dies leaves its
 * claims to run out.
 */
import { webhookLimits } from '../limits.ts';
import type { DeliveryRecord } from '../webhook/delivery.ts';
import type { TryPorts } from './try-delivery.ts';
import { tryDelivery } from './try-delivery.ts';

export type DeliverPorts = TryPorts;

export interface Deliverer {
  /** Starts what is due and has room; resolves without waiting for any of it. Rejects when the stores do not answer. */
  look(): Promise<void>;
  /** Resolves once no try is under way. */
  idle(): Promise<void>;
}

export function createDeliverer(ports: DeliverPorts): Deliverer {
  const underWay = createUnderWay();
  /** Tenants whose turn has come and who were not looked at since. */
  let waiting: string[] = [];

  async function startDue(tenantId: string): Promise<void> {
    const nowMs = ports.clock.nowMs();
    const { dueMax } = webhookLimits;
    const due = await ports.deliveries.due(tenantId, nowMs, dueMax);
    const started = due.filter((delivery) => start(delivery));
    if (started.length === due.length && due.length < dueMax) await ports.deliveries.rest(tenantId, nowMs);
  }

  function start(delivery: DeliveryRecord): boolean {
    if (underWay.has(delivery)) return true;
    if (!underWay.hasRoomFor(delivery)) return false;
    const { tenantId, deliveryId } = delivery;
    underWay.add(
      delivery,
      // The claim runs out, and then it is tried again.
      tryDelivery(ports, delivery).catch((error: unknown) => {
        ports.log.warn('webhook.try_failed', { tenantId, deliveryId, reason: String(error) });
      }),
    );
    return true;
  }

  return {
    async look() {
      if (waiting.length === 0) waiting = await everyTurn(ports);
      while (!underWay.isFull()) {
        const tenantId = waiting.shift();
        if (tenantId === undefined) return;
        if (underWay.mayHaveMore(tenantId)) await startDue(tenantId);
      }
    },
    idle: () => underWay.idle(),
  };
}

/** Goes on, a look a `tickMs`, until `stopping` aborts; then waits for what is under way. */
export async function deliverUntil(ports: DeliverPorts, stopping: AbortSignal): Promise<void> {
  const deliverer = createDeliverer(ports);
  while (!stopping.aborted) {
    try {
      await deliverer.look();
    } catch (error) {
      ports.log.warn('webhook.look_failed', { reason: String(error) });
    }
    await ports.clock.sleep(webhookLimits.tickMs, stopping);
  }
  await deliverer.idle();
}

async function everyTurn({ clock, deliveries }: DeliverPorts): Promise<string[]> {
  const tenantIds: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await deliveries.turns(clock.nowMs(), cursor);
    tenantIds.push(...page.items);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return tenantIds;
}

/** The tries of this process that have not ended. */
function createUnderWay() {
  const tries = new Map<string, Promise<void>>();
  const counts = new Map<string, number>();
  const count = (name: string) => counts.get(name) ?? 0;
  const idOf = ({ tenantId, deliveryId }: DeliveryRecord) => `${tenantId} ${deliveryId}`;
  const endpointOf = ({ tenantId, endpointId }: DeliveryRecord) => `${tenantId} ${endpointId}`;
  const change = (names: readonly string[], by: 1 | -1) => {
    for (const name of names) {
      if (count(name) + by === 0) counts.delete(name);
      else counts.set(name, count(name) + by);
    }
  };

  function mayHaveMore(tenantId: string): boolean {
    const own = count(tenantId);
    const free = webhookLimits.parallelMax - tries.size;
    return own === 0
      ? free > 0
      : free > webhookLimits.parallelReserved && own < webhookLimits.parallelOfTenantMax;
  }

  return {
    mayHaveMore,
    isFull: () => tries.size >= webhookLimits.parallelMax,
    has: (delivery: DeliveryRecord) => tries.has(idOf(delivery)),
    hasRoomFor: (delivery: DeliveryRecord) =>
      mayHaveMore(delivery.tenantId) && count(endpointOf(delivery)) < webhookLimits.parallelOfEndpointMax,
    add(delivery: DeliveryRecord, attempt: Promise<void>): void {
      const names = [delivery.tenantId, endpointOf(delivery)];
      change(names, 1);
      const ended = attempt.finally(() => {
        tries.delete(idOf(delivery));
        change(names, -1);
      });
      tries.set(idOf(delivery), ended);
    },
    async idle() {
      while (tries.size > 0) await Promise.all(tries.values());
    },
  };
}
