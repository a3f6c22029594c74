/**
 * What a pool is told, by its operator and by tenants who pay for it, kept on the pool's item beside its state, and what follows from it:
 *
 * - **pause**: jobs are accepted and wait; workers claim nothing more, batches under way end, and no worker is started.
 *   Those that are up go after the idle time-out, as without work. Deadlines go on. Lasts until *resume*.
 * - **drain**: workers claim nothing more; when the last batch under way has ended they all go, the order with them, and
 *   work that waits lights fresh ones. On a paused pool it empties the pool now, and nothing relights before *resume*:
 *   drain and pause together are how a pool is taken out for maintenance. It ends a prewarm.
 * - **prewarm**: so many workers are up, work or not, until an instant; the scaler's upper bound stays. Not on a paused
 *   pool. A later one replaces it; zero workers end it.
 * - **warm-up**: one worker is up until the last warm-up ends, work or not. Each tenant has one at most, which names the
 *   one that it goes on from; a paused pool takes none. A drain replaces the worker, and a pause keeps it from being
 *   started, and neither ends a warm-up: its time goes on.
 *
 * Each order is one conditional write, so orders given twice or at once change nothing more.
 */
import type { PoolState } from './pool-state.ts';

export interface PoolOrders {
  /** Since when the pool is paused; null when it is not. */
  readonly pausedAtMs: number | null;
  /** Since when the pool drains; null when it does not. */
  readonly drainingAtMs: number | null;
  readonly prewarm: Prewarm | null;
  /** The latest of each tenant, by tenant; one that is over stays for a while. */
  readonly warmups: readonly Warmup[];
}

export interface Prewarm {
  readonly workers: number;
  readonly untilMs: number;
}

/** Time of a worker that a tenant paid for. */
export interface Warmup {
  readonly tenantId: string;
  readonly warmupId: string;
  /** Loaded by a worker that starts meanwhile. */
  readonly model: string;
  readonly untilMs: number;
}

export type PoolOrder =
  /** A pause or drain that stands keeps its instant. */
  | { readonly kind: 'pause'; readonly atMs: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'drain'; readonly atMs: number }
  /** Ends the drain of that instant and no later one. */
  | { readonly kind: 'end_drain'; readonly atMs: number }
  | ({ readonly kind: 'prewarm' } & Prewarm)
  /** Allowed where it stands already, and else on top of `previousId` alone or of nothing. */
  | { readonly kind: 'warm_up'; readonly warmup: Warmup; readonly previousId: string | null }
  /** Puts back what stood before the warm-up, if that is the one that stands. */
  | { readonly kind: 'undo_warm_up'; readonly warmup: Warmup; readonly previous: Warmup | null }
  /** Forgets these warm-ups of tenants, if each of them ended before `beforeMs`. */
  | { readonly kind: 'forget_warm_ups'; readonly tenantIds: readonly string[]; readonly beforeMs: number };

/** A pool as a job that waits in it sees it. */
export type PoolCondition = PoolState | 'paused';

export const noOrders: PoolOrders = { pausedAtMs: null, drainingAtMs: null, prewarm: null, warmups: [] };

/** The orders after one more; null when those that stand do not allow it. */
export function obey(orders: PoolOrders, order: PoolOrder): PoolOrders | null {
  switch (order.kind) {
    case 'pause':
      return { ...orders, pausedAtMs: orders.pausedAtMs ?? order.atMs };
    case 'resume':
      return { ...orders, pausedAtMs: null };
    case 'drain':
      return { ...orders, drainingAtMs: orders.drainingAtMs ?? order.atMs, prewarm: null };
    case 'end_drain':
      return orders.drainingAtMs === order.atMs ? { ...orders, drainingAtMs: null } : null;
    case 'prewarm': {
      if (orders.pausedAtMs !== null) return null;
      const { workers, untilMs } = order;
      return { ...orders, prewarm: workers === 0 ? null : { workers, untilMs } };
    }
    case 'warm_up': {
      const { warmup, previousId } = order;
      const standing = warmupOf(orders, warmup.tenantId);
      const follows = standing === null || [previousId, warmup.warmupId].includes(standing.warmupId);
      return orders.pausedAtMs === null && follows ? withWarmup(orders, warmup.tenantId, warmup) : null;
    }
    case 'undo_warm_up': {
      const { warmup, previous } = order;
      const isStanding = warmupOf(orders, warmup.tenantId)?.warmupId === warmup.warmupId;
      return isStanding ? withWarmup(orders, warmup.tenantId, previous) : null;
    }
    case 'forget_warm_ups': {
      const { tenantIds, beforeMs } = order;
      const ended = tenantIds.filter(
        (tenantId) => (warmupOf(orders, tenantId)?.untilMs ?? beforeMs) < beforeMs,
      );
      if (ended.length < tenantIds.length) return null;
      return { ...orders, warmups: orders.warmups.filter(({ tenantId }) => !tenantIds.includes(tenantId)) };
    }
  }
}

/** The tenant's latest, over or not; null when there is none. */
export function warmupOf({ warmups }: PoolOrders, tenantId: string): Warmup | null {
  return warmups.find((each) => each.tenantId === tenantId) ?? null;
}

/** Warm-ups that keep a worker up now, the one that ends last at the end. */
export function standingWarmups({ warmups }: PoolOrders, nowMs: number): Warmup[] {
  return warmups
    .filter(({ untilMs }) => nowMs < untilMs)
    .toSorted((left, right) => left.untilMs - right.untilMs);
}

function withWarmup(orders: PoolOrders, tenantId: string, warmup: Warmup | null): PoolOrders {
  const others = orders.warmups.filter((each) => each.tenantId !== tenantId);
  return { ...orders, warmups: byTenant(warmup === null ? others : [...others, warmup]) };
}

/** In the order that {@link PoolOrders.warmups} promises. */
export function byTenant(warmups: readonly Warmup[]): Warmup[] {
  return warmups.toSorted((left, right) => (left.tenantId < right.tenantId ? -1 : 1));
}

/** True while workers of the pool may claim nothing. */
export function isHeldBack({ pausedAtMs, drainingAtMs }: PoolOrders): boolean {
  return pausedAtMs !== null || drainingAtMs !== null;
}

/** Workers that a prewarm and warm-ups keep up now: those of the one are there for the others as well. */
export function prewarmedWorkers(orders: PoolOrders, nowMs: number): number {
  const { prewarm } = orders;
  const prewarmed = prewarm !== null && nowMs < prewarm.untilMs ? prewarm.workers : 0;
  return Math.max(prewarmed, standingWarmups(orders, nowMs).length > 0 ? 1 : 0);
}

/** Why a job of the pool waits: its state, unless an order is the reason. A draining pool is about to start workers. */
export function conditionOf({
  state,
  orders,
}: {
  readonly state: PoolState;
  readonly orders: PoolOrders;
}): PoolCondition {
  if (orders.pausedAtMs !== null) return 'paused';
  return orders.drainingAtMs === null ? state : 'waking';
}
