/**
 * What an operator tells a pool, kept on the pool's item beside its state, and what follows from it:
 *
 * - **pause**: jobs are accepted and wait; workers claim nothing more, batches under way end, and no worker is started.
 *   Those that are up go after the idle time-out, as without work. Deadlines go on. Lasts until *resume*.
 * - **drain**: workers claim nothing more; when the last batch under way has ended they all go, the order with them, and
 *   work that waits lights fresh ones. On a paused pool it empties the pool now, and nothing relights before *resume*:
 *   drain and pause together are how a pool is taken out for maintenance. It ends a prewarm.
 * - **prewarm**: so many workers are up, work or not, until an instant; the scaler's upper bound stays. Not on a paused
 *   pool. A later one replaces it; zero workers end it.
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
}

export interface Prewarm {
  readonly workers: number;
  readonly untilMs: number;
}

export type PoolOrder =
  /** A pause or drain that stands keeps its instant. */
  | { readonly kind: 'pause'; readonly atMs: number }
  | { readonly kind: 'resume' }
  | { readonly kind: 'drain'; readonly atMs: number }
  /** Ends the drain of that instant and no later one. */
  | { readonly kind: 'end_drain'; readonly atMs: number }
  | ({ readonly kind: 'prewarm' } & Prewarm);

/** A pool as a job that waits in it sees it. */
export type PoolCondition = PoolState | 'paused';

export const noOrders: PoolOrders = { pausedAtMs: null, drainingAtMs: null, prewarm: null };

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
  }
}

/** True while workers of the pool may claim nothing. */
export function isHeldBack({ pausedAtMs, drainingAtMs }: PoolOrders): boolean {
  return pausedAtMs !== null || drainingAtMs !== null;
}

/** Workers that a prewarm keeps up now. */
export function prewarmedWorkers({ prewarm }: PoolOrders, nowMs: number): number {
  return prewarm !== null && nowMs < prewarm.untilMs ? prewarm.workers : 0;
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
