/**
 * Hands out what is due, tenant by tenant. Tries run side by side within bounds, and looking for more waits for none of
 * them: a receiver that takes its whole time-out holds up a few tries of its own endpoint, and nobody else's.
 *
 * - an endpoint has `parallelOfEndpointMax` tries under way, a tenant `parallelOfTenantMax`, a process `parallelMax`;
 * - the last `parallelReserved` of those go to tenants that have none under way;
 * - tenants are gone through in turn, and where the room ends the next look goes on;
 * - as a try ends, the next of its tenant's backlog begins, so a quick receiver gets a hundred a look.
 *
 * Any number of processes may do this at once: a delivery is claimed by one write, and a process that dies leaves its
 * claims to run out.
 */
import { isFresh } from '../jumping-clock.ts';
import { webhookLimits } from '../limits.ts';
import type { DeliveryRecord } from '../webhook/delivery.ts';
import type { TryPorts } from './try-delivery.ts';
import { tryDelivery } from './try-delivery.ts';

export type DeliverPorts = TryPorts;

const lagMs = 3 * webhookLimits.tickMs;

export interface Deliverer {
  /** Starts what is due and has room; resolves without waiting for any of it. Rejects when the stores do not answer. */
  look(): Promise<void>;
  /** Resolves once no try is under way. */
  idle(): Promise<void>;
  /** Nothing is under way, and every tenant whose turn had come was looked at. */
  hasNothing(): boolean;
  /** When the next of what it tried itself is to be tried again, if that is within this time; null: none is. */
  nextWithin(ms: number): number | null;
}

/** @param stopping from its abort on nothing further is started */
export function createDeliverer(ports: DeliverPorts, stopping?: AbortSignal): Deliverer {
  const underWay = createUnderWay();
  /** Tenants whose turn has come and who were not looked at since. */
  let waiting: string[] = [];
  /** What was found due by the last look at a tenant and had no room: it starts as others end. */
  const backlogs = new Map<string, Backlog>();
  /** When tries of this process that failed are to be repeated. */
  let again: number[] = [];

  async function lookAt(tenantId: string): Promise<void> {
    const nowMs = ports.clock.nowMs();
    const { dueMax, backlogKeptMs } = webhookLimits;
    const known = backlogs.get(tenantId);
    if (known !== undefined && isFresh(known.foundAtMs, backlogKeptMs, nowMs)) return startBacklog(tenantId);
    const due = await ports.deliveries.due(tenantId, nowMs, dueMax);
    backlogs.set(tenantId, { deliveries: due, foundAtMs: nowMs });
    startBacklog(tenantId);
    if (!backlogs.has(tenantId) && due.length < dueMax) await ports.deliveries.rest(tenantId, nowMs);
  }

  function startBacklog(tenantId: string): void {
    const backlog = backlogs.get(tenantId);
    if (backlog === undefined || stopping?.aborted === true) return;
    const deliveries = backlog.deliveries.filter((delivery) => !start(delivery));
    if (deliveries.length === 0) backlogs.delete(tenantId);
    else backlogs.set(tenantId, { ...backlog, deliveries });
  }

  function start(delivery: DeliveryRecord): boolean {
    if (underWay.has(delivery)) return true;
    if (!underWay.hasRoomFor(delivery)) return false;
    const { tenantId, deliveryId } = delivery;
    const trying = tryDelivery(ports, delivery).then(
      (nextAtMs) => {
        if (nextAtMs !== null) again.push(nextAtMs);
      },
      (error: unknown) => {
        // The claim runs out, and then it is tried again.
        ports.log.warn('webhook.try_failed', { tenantId, deliveryId, reason: String(error) });
      },
    );
    underWay.add(delivery, trying, () => startBacklog(tenantId));
    return true;
  }

  return {
    async look() {
      if (waiting.length === 0) waiting = await everyTurn(ports);
      while (!underWay.isFull()) {
        const tenantId = waiting.shift();
        if (tenantId === undefined) return;
        if (underWay.mayHaveMore(tenantId)) await lookAt(tenantId);
      }
    },
    idle: () => underWay.idle(),
    hasNothing: () => waiting.length === 0 && underWay.isEmpty(),
    nextWithin(ms) {
      const nowMs = ports.clock.nowMs();
      // The index of what is due may lag: it is looked for a little longer.
      again = again.filter((atMs) => atMs > nowMs - lagMs && atMs - nowMs <= ms);
      return again.length === 0 ? null : Math.min(...again);
    },
  };
}

interface Backlog {
  readonly deliveries: readonly DeliveryRecord[];
  readonly foundAtMs: number;
}

/** Goes on, a look a `tickMs`, until `stopping` aborts; then waits for what is under way. */
export async function deliverUntil(ports: DeliverPorts, stopping: AbortSignal): Promise<void> {
  const deliverer = createDeliverer(ports, stopping);
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

/**
 * As {@link deliverUntil}, and over as soon as nothing is due: for a function that is paid by the second, run every minute
 * and whenever something is put. The first retries of what failed here are waited for, as no tick comes that soon.
 * @throws what the stores throw
 */
export async function deliverDue(ports: DeliverPorts, stopping: AbortSignal): Promise<void> {
  const deliverer = createDeliverer(ports, stopping);
  try {
    do {
      await deliverer.look();
      const nextMs = deliverer.nextWithin(webhookLimits.retryAwaitedMs);
      const isIdle = deliverer.hasNothing();
      if (isIdle && nextMs === null) return;
      const pauseMs = isIdle && nextMs !== null ? nextMs - ports.clock.nowMs() : webhookLimits.tickMs;
      await ports.clock.sleep(Math.max(pauseMs, webhookLimits.tickMs), stopping);
    } while (!stopping.aborted);
  } finally {
    // Also where a look throws: a function is frozen as it ends, whatever it has under way.
    await deliverer.idle();
  }
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
    isEmpty: () => tries.size === 0,
    has: (delivery: DeliveryRecord) => tries.has(idOf(delivery)),
    hasRoomFor: (delivery: DeliveryRecord) =>
      mayHaveMore(delivery.tenantId) && count(endpointOf(delivery)) < webhookLimits.parallelOfEndpointMax,
    /** `then` is called once it has ended and its place is free; `trying` never rejects. */
    add(delivery: DeliveryRecord, trying: Promise<void>, then: () => void): void {
      const names = [delivery.tenantId, endpointOf(delivery)];
      change(names, 1);
      const ended = trying.then(() => {
        tries.delete(idOf(delivery));
        change(names, -1);
        then();
      });
      tries.set(idOf(delivery), ended);
    },
    async idle() {
      while (tries.size > 0) await Promise.all(tries.values());
    },
  };
}
