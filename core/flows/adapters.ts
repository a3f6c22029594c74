/**
 * An adapter's way in and out: its record, then its file by a link, then the check that makes it ready. Each step may be
 * repeated: the id follows from what the file is, the link puts no other bytes, and a check that was made stands.
 *
 * It counts as the tenant's stored bytes from its announcement until it is refused or removed; what changes that is followed
 * by the count, and a crash in between is ended by the sweep (`count-adapters.ts`). A link is answered after the count, so
 * no file comes before it counts.
 *
 * Removing takes the file first. A crash then leaves a record without one: its jobs fail, uncharged, as those of a
 * deleted adapter do, and removing it again ends it.
 */
import type { AdapterRecord, NewAdapter } from '../adapter/adapter.ts';
import { adaptersMaxOf, afterCheck, isAdapterId, newAdapter } from '../adapter/adapter.ts';
import { startFileCheck } from '../adapter/check-file.ts';
import type { AdapterRule } from '../adapter/refusal.ts';
import type { Refusal } from '../admission/gate.ts';
import type { AdapterFiles, Adapters } from '../ports/adapters.ts';
import type { Gates } from '../ports/gates.ts';
import type { Clock } from '../ports/process.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { countAdapters } from './count-adapters.ts';
import { storageRefusal } from './stored-file.ts';

export interface AdapterPorts {
  readonly adapters: Adapters;
  readonly adapterFiles: AdapterFiles;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly gates: Pick<Gates, 'keep' | 'read'>;
}

export type OfferOutcome =
  /** Pending until its file came. */
  | { readonly kind: 'created'; readonly adapter: AdapterRecord }
  /** The tenant has this file for this model already. */
  | { readonly kind: 'exists'; readonly adapter: AdapterRecord }
  /** @property max how many it may have */
  | { readonly kind: 'full'; readonly max: number }
  /** What it keeps leaves no room for the file. */
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Takes a place among the tenant's adapters, and room for the file. One that has both already is asked for neither. */
export async function offerAdapter(
  ports: AdapterPorts,
  tenant: TenantRecord,
  asked: Omit<NewAdapter, 'tenantId'>,
): Promise<OfferOutcome> {
  const { adapters, clock } = ports;
  const { tenantId } = tenant;
  const adapter = newAdapter({ ...asked, tenantId }, clock.nowMs());
  const known = await adapters.get(tenantId, adapter.adapterId);
  const refusal = known === null ? await storageRefusal(ports, tenant, adapter.bytes) : null;
  if (refusal !== null) return { kind: 'refused', refusal };
  const max = adaptersMaxOf(limitsOf(tenant.plan, tenant.overrides));
  const outcome = await adapters.create(adapter, max);
  if (outcome === 'full') return { kind: 'full', max };
  await countAdapters(ports, tenantId);
  if (outcome === 'created') return { kind: 'created', adapter };
  const stored = await adapters.get(tenantId, adapter.adapterId);
  // Deleted in between: as it would have been a moment later.
  return { kind: 'exists', adapter: stored ?? adapter };
}

export type CompleteOutcome =
  | { readonly kind: 'ready'; readonly adapter: AdapterRecord }
  | { readonly kind: 'refused'; readonly rule: AdapterRule; readonly detail: string }
  | { readonly kind: 'not_uploaded' }
  | { readonly kind: 'missing' };

/** Checks the file of a pending adapter, reading it once; what was found before stands. */
export async function completeAdapter(
  ports: AdapterPorts,
  tenantId: string,
  adapterId: string,
): Promise<CompleteOutcome> {
  const adapter = isAdapterId(adapterId) ? await ports.adapters.get(tenantId, adapterId) : null;
  if (adapter === null) return { kind: 'missing' };
  if (adapter.status !== 'pending') return standing(adapter);
  const pieces = await ports.adapterFiles.read(tenantId, adapterId);
  if (pieces === null) return { kind: 'not_uploaded' };
  const check = startFileCheck(adapter);
  for await (const piece of pieces) if (!check.push(piece)) break;
  const verdict = check.verdict();
  const next = afterCheck(adapter, verdict, ports.clock.nowMs());
  if (next === null && verdict.kind === 'refused') return verdict;
  if (next === null || (await ports.adapters.put(next)) === 'conflict') {
    const stored = await ports.adapters.get(tenantId, adapterId);
    return stored === null ? { kind: 'missing' } : standing(stored);
  }
  if (next.status === 'refused') {
    // Nobody reads it any more. Left behind by a crash it goes with its record.
    await ports.adapterFiles.remove(tenantId, adapterId);
    await countAdapters(ports, tenantId);
  }
  return standing(next);
}

/** What was found of it, by whoever checked it. */
function standing(adapter: AdapterRecord): CompleteOutcome {
  if (adapter.status === 'ready') return { kind: 'ready', adapter };
  return adapter.refusal === null ? { kind: 'not_uploaded' } : { kind: 'refused', ...adapter.refusal };
}

/** Jobs that wait for it fail when their turn comes, uncharged. */
export async function removeAdapter(
  ports: AdapterPorts,
  tenantId: string,
  adapterId: string,
): Promise<'removed' | 'missing'> {
  const { adapters, adapterFiles } = ports;
  if (!isAdapterId(adapterId) || (await adapters.get(tenantId, adapterId)) === null) return 'missing';
  await adapterFiles.remove(tenantId, adapterId);
  const outcome = await adapters.remove(tenantId, adapterId);
  await countAdapters(ports, tenantId);
  return outcome;
}
