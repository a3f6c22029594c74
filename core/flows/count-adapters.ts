/**
 * What the files of adapters take, as the tenant's gate counts it.
 *
 * Adapters have no end of their own, so no bucket of a day holds them. The sum that counts is that of their records, which
 * one item holds: the gate has a copy of it, under the number of the write that made it, and a later copy is never replaced
 * by an earlier one. Whatever changes the sum says in the same write that it was changed (`Adapters.listChanged`), so a crash
 * anywhere leaves a tenant whose copy the sweep makes (`sweep-adapters.ts`), and doing so again changes nothing.
 */
import type { LastingTotal } from '../admission/stored-bytes.ts';
import type { Adapters } from '../ports/adapters.ts';
import type { Gates } from '../ports/gates.ts';

export interface CountAdaptersPorts {
  readonly adapters: Pick<Adapters, 'settle' | 'total'>;
  readonly gates: Pick<Gates, 'keep'>;
}

/** Tells the gate what the tenant's adapters take now; safe to repeat, and beside others that do. */
export async function countAdapters(ports: CountAdaptersPorts, tenantId: string): Promise<void> {
  const { version } = await copyTotal(ports, tenantId);
  await ports.adapters.settle(tenantId, version);
}

/** As {@link countAdapters}, and leaves the tenant among those that changed. */
export async function copyTotal(
  { adapters, gates }: CountAdaptersPorts,
  tenantId: string,
): Promise<LastingTotal> {
  const total = await adapters.total(tenantId);
  await gates.keep(tenantId, total);
  return total;
}
