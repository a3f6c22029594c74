/** What was released from the gates in memory, by tenant. */
import type { Traces } from '#core/admission/traces.ts';
import { forgettableTraces, secondOf, traceOf } from '#core/admission/traces.ts';

export interface MemoryTraces {
  has(tenantId: string, name: string, token: string): boolean;
  /** Leaves one, and forgets those that may be forgotten. */
  leave(tenantId: string, name: string, token: string, nowMs: number): void;
  forget(tenantId: string, nowMs: number): void;
}

export function createMemoryTraces(): MemoryTraces {
  const byTenant = new Map<string, Traces>();

  function forget(tenantId: string, nowMs: number): void {
    const traces = byTenant.get(tenantId) ?? {};
    const past = new Set(forgettableTraces(traces, nowMs));
    const kept = Object.entries(traces).filter(([trace]) => !past.has(trace));
    if (past.size > 0) byTenant.set(tenantId, Object.fromEntries(kept));
  }

  return {
    has: (tenantId, name, token) => byTenant.get(tenantId)?.[traceOf(name, token)] !== undefined,
    leave(tenantId, name, token, nowMs) {
      byTenant.set(tenantId, { ...byTenant.get(tenantId), [traceOf(name, token)]: secondOf(nowMs) });
      forget(tenantId, nowMs);
    },
    forget,
  };
}
