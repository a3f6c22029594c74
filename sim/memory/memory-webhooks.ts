/** `Endpoints` and `Deliveries` in memory. */
import { webhookLimits } from '#core/limits.ts';
import type { Page } from '#core/ports/page.ts';
import type { Clock } from '#core/ports/process.ts';
import type { Deliveries, Endpoints } from '#core/ports/webhooks.ts';
import type { DeliveryRecord } from '#core/webhook/delivery.ts';
import { isKept } from '#core/webhook/delivery.ts';
import type { EndpointRecord } from '#core/webhook/endpoint.ts';
import { copy } from './copy.ts';
import { pageOf } from './pages.ts';

export function createMemoryEndpoints(): Endpoints {
  const endpoints = new Map<string, EndpointRecord>();
  const keyOf = (tenantId: string, endpointId: string) => `${tenantId} ${endpointId}`;
  return {
    async get(tenantId, endpointId) {
      return copy(endpoints.get(keyOf(tenantId, endpointId)) ?? null);
    },
    async list(tenantId) {
      return copy([...endpoints.values()].filter((each) => each.tenantId === tenantId));
    },
    async put(endpoint) {
      const key = keyOf(endpoint.tenantId, endpoint.endpointId);
      if ((endpoints.get(key)?.version ?? 0) !== endpoint.version - 1) return 'conflict';
      endpoints.set(key, copy(endpoint));
      return 'stored';
    },
    async remove(tenantId, endpointId) {
      return endpoints.delete(keyOf(tenantId, endpointId)) ? 'removed' : 'missing';
    },
  };
}

interface TenantDeliveries {
  readonly records: Map<string, DeliveryRecord>;
  /** Those of `records` that are pending, so that a long log costs a look nothing. */
  readonly pending: Map<string, DeliveryRecord>;
  turn: { atMs: number; putAtMs: number } | null;
}

export function createMemoryDeliveries({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): Deliveries {
  const tenants = new Map<string, TenantDeliveries>();

  function of(tenantId: string): TenantDeliveries {
    const own = tenants.get(tenantId) ?? { records: new Map(), pending: new Map(), turn: null };
    tenants.set(tenantId, own);
    return own;
  }

  return {
    async put(delivery) {
      const own = of(delivery.tenantId);
      const key = `${delivery.endpointId} ${delivery.deliveryId}`;
      const isNext = (own.records.get(key)?.version ?? 0) === delivery.version - 1;
      if (isNext) {
        const stored = copy(delivery);
        own.records.set(key, stored);
        if (stored.status === 'pending') own.pending.set(key, stored);
        else own.pending.delete(key);
      }
      if (delivery.nextAtMs !== null) {
        const atMs = Math.min(own.turn?.atMs ?? delivery.nextAtMs, delivery.nextAtMs);
        own.turn = { atMs, putAtMs: clock.nowMs() };
      }
      return isNext ? 'stored' : 'conflict';
    },
    async get(tenantId, endpointId, deliveryId) {
      const delivery = of(tenantId).records.get(`${endpointId} ${deliveryId}`);
      return delivery === undefined || !isKept(delivery, clock.nowMs()) ? null : copy(delivery);
    },
    async list(tenantId, endpointId, cursor) {
      const own = [...of(tenantId).records.values()].filter(
        (each) => each.endpointId === endpointId && isKept(each, clock.nowMs()),
      );
      return newestFirst(own, cursor);
    },
    async due(tenantId, nowMs, limit) {
      const due = byNext(of(tenantId)).filter(({ nextAtMs }) => nextAtMs !== null && nextAtMs <= nowMs);
      return copy(due.slice(0, limit));
    },
    async turns(nowMs, cursor) {
      const due = [...tenants].flatMap(([tenantId, { turn }]) =>
        turn === null || turn.atMs > nowMs ? [] : [{ tenantId, atMs: turn.atMs }],
      );
      const placeOf = ({ tenantId, atMs }: (typeof due)[number]) =>
        `${String(atMs).padStart(16, '0')} ${tenantId}`;
      const page = pageOf(due, placeOf, cursor);
      return { ...page, items: page.items.map(({ tenantId }) => tenantId) };
    },
    async rest(tenantId, nowMs) {
      const own = of(tenantId);
      if (own.turn === null) return;
      const next = byNext(own)[0]?.nextAtMs ?? null;
      const quietMs = nowMs - own.turn.putAtMs;
      if (next === null && quietMs >= webhookLimits.turnKeptMs) own.turn = null;
      else own.turn.atMs = Math.min(next ?? Infinity, nowMs + webhookLimits.turnLookMs);
    },
  };
}

function byNext({ pending }: TenantDeliveries): DeliveryRecord[] {
  return [...pending.values()].toSorted((left, right) => (left.nextAtMs ?? 0) - (right.nextAtMs ?? 0));
}

/** Pages count upwards; the log is read from its end. */
function newestFirst(deliveries: readonly DeliveryRecord[], cursor?: string): Page<DeliveryRecord> {
  const descending = ({ deliveryId }: DeliveryRecord) =>
    [...deliveryId].map((character) => String(1_000 - character.charCodeAt(0))).join('');
  return pageOf(deliveries, descending, cursor);
}
