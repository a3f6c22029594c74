/**
 * An adapter's way in and out: its record, then its file by a link, then the check that makes it ready. Each step may be
 * repeated: the id follows from what the file is, the link puts no other bytes, and a check that was made stands.
 *
 * Removing takes the file first. A crash then leaves a record without one: its jobs fail, uncharged, as those of a
 * deleted adapter do, and removing it again ends it.
 */
import type { AdapterRecord, NewAdapter } from '../adapter/adapter.ts';
import { afterCheck, isAdapterId, newAdapter } from '../adapter/adapter.ts';
import { startFileCheck } from '../adapter/check-file.ts';
import type { AdapterRule } from '../adapter/refusal.ts';
import type { AdapterFiles, Adapters, Clock } from '../ports.ts';

export interface AdapterPorts {
  readonly adapters: Adapters;
  readonly adapterFiles: AdapterFiles;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type OfferOutcome =
  /** Pending until its file came. */
  | { readonly kind: 'created'; readonly adapter: AdapterRecord }
  /** The tenant has this file for this model already. */
  | { readonly kind: 'exists'; readonly adapter: AdapterRecord }
  | { readonly kind: 'full' };

/** Takes a place among the tenant's adapters. @param max how many it may have */
export async function offerAdapter(
  { adapters, clock }: AdapterPorts,
  asked: NewAdapter,
  max: number,
): Promise<OfferOutcome> {
  const adapter = newAdapter(asked, clock.nowMs());
  const outcome = await adapters.create(adapter, max);
  if (outcome !== 'exists') return outcome === 'full' ? { kind: 'full' } : { kind: 'created', adapter };
  const stored = await adapters.get(adapter.tenantId, adapter.adapterId);
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
  // Nobody reads it any more. Left behind by a crash it goes with its record.
  if (next.status === 'refused') await ports.adapterFiles.remove(tenantId, adapterId);
  return standing(next);
}

/** What was found of it, by whoever checked it. */
function standing(adapter: AdapterRecord): CompleteOutcome {
  if (adapter.status === 'ready') return { kind: 'ready', adapter };
  return adapter.refusal === null ? { kind: 'not_uploaded' } : { kind: 'refused', ...adapter.refusal };
}

/** Jobs that wait for it fail when their turn comes, uncharged. */
export async function removeAdapter(
  { adapters, adapterFiles }: AdapterPorts,
  tenantId: string,
  adapterId: string,
): Promise<'removed' | 'missing'> {
  if (!isAdapterId(adapterId) || (await adapters.get(tenantId, adapterId)) === null) return 'missing';
  await adapterFiles.remove(tenantId, adapterId);
  return adapters.remove(tenantId, adapterId);
}
