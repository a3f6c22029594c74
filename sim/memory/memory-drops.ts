/** `Drops` in memory, and what tenants do with them. */
import { digest } from '#core/canonical.ts';
import type { Drop, Drops } from '#core/ports/drops.ts';
import type { Clock } from '#core/ports/process.ts';

export interface MemoryDrops extends Drops {
  /** As a tenant puts a file, by its own means. */
  drop(tenantId: string, name: string, body: Uint8Array): void;
  /** What was left for the tenant under this name; null: nothing. */
  left(tenantId: string, name: string): Uint8Array | null;
}

export function createMemoryDrops({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): MemoryDrops {
  const dropped = new Map<string, { readonly found: Drop; readonly body: Uint8Array }>();
  const results = new Map<string, Uint8Array>();
  const keyOf = (tenantId: string, name: string) => `${tenantId}/${name}`;
  return {
    drop(tenantId, name, body) {
      const atMs = Math.floor(clock.nowMs() / 1000) * 1000;
      const found = { version: digest(body), bytes: body.byteLength, atMs };
      dropped.set(keyOf(tenantId, name), { found, body: Uint8Array.from(body) });
    },
    left: (tenantId, name) => results.get(keyOf(tenantId, name)) ?? null,
    async look(tenantId, name) {
      return dropped.get(keyOf(tenantId, name))?.found ?? null;
    },
    async read(tenantId, name, version) {
      const file = dropped.get(keyOf(tenantId, name));
      return file?.found.version === version ? once(file.body) : null;
    },
    async write(tenantId, name, pieces) {
      const all: Uint8Array[] = [];
      for await (const piece of pieces()) all.push(Uint8Array.from(piece));
      results.set(keyOf(tenantId, name), Buffer.concat(all));
    },
  };
}

async function* once(body: Uint8Array): AsyncIterable<Uint8Array> {
  yield body;
}
