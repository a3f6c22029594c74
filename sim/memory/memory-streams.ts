/** `Streams` in memory. */
import type { Streams } from '#core/ports/streams.ts';

export function createMemoryStreams(): Streams {
  const tenants = new Map<string, Map<string, number>>();
  const ofTenant = (tenantId: string) => {
    const places = tenants.get(tenantId) ?? new Map<string, number>();
    tenants.set(tenantId, places);
    return places;
  };
  return {
    async open(tenantId, streamId, { max, nowMs, untilMs }) {
      const places = ofTenant(tenantId);
      for (const [held, heldUntilMs] of places) if (heldUntilMs <= nowMs) places.delete(held);
      if (places.size >= max && !places.has(streamId)) return 'full';
      places.set(streamId, untilMs);
      return 'opened';
    },
    async close(tenantId, streamId) {
      ofTenant(tenantId).delete(streamId);
    },
  };
}
