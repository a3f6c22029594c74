/** What a tenant does with its batches; working at them is `run-batches.ts`. */
import type { BatchRecord } from '../batch/batch.ts';
import { cancelAsked, isBatchId, isEnded, newBatch } from '../batch/batch.ts';
import { sortedId } from '../canonical.ts';
import { batchLimits, batchRunLimits } from '../limits.ts';
import type { Batches, Clock, Files, Ids } from '../ports.ts';
import { limitsOf, retentionMsOf } from '../tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from '../tenancy/tenant.ts';
import { findFile } from './files.ts';

export interface TenantBatchPorts {
  readonly batches: Batches;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly files: Pick<Files, 'get'>;
  readonly ids: Pick<Ids, 'next'>;
}

export interface BatchAsk {
  readonly tenant: TenantRecord;
  readonly key: Pick<KeyRecord, 'keyId' | 'models'>;
  readonly inputFileId: string;
  readonly endpoint: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export type CreateBatchOutcome =
  | { readonly kind: 'created'; readonly batch: BatchRecord }
  | { readonly kind: 'no_file' }
  /** The tenant has as many at work as it may. */
  | { readonly kind: 'full'; readonly max: number };

/** Two requests at once may pass the bound by one: it keeps the rounds short, and nothing rests on it. */
export async function createBatch(ports: TenantBatchPorts, ask: BatchAsk): Promise<CreateBatchOutcome> {
  const { tenant, key, inputFileId, endpoint, metadata } = ask;
  const { tenantId } = tenant;
  const file = await findFile(ports, tenantId, inputFileId);
  if (file === null || file.purpose !== 'batch') return { kind: 'no_file' };
  const { openBatchesMax: max } = batchRunLimits;
  const newest = await ports.batches.list(tenantId, { limit: batchesLooked });
  if (newest.items.filter((batch) => !isEnded(batch)).length >= max) return { kind: 'full', max };
  const limits = limitsOf(tenant.plan, tenant.overrides);
  const nowMs = ports.clock.nowMs();
  const batch = newBatch(
    {
      tenantId,
      batchId: sortedId('batch', nowMs, ports.ids.next('batch')),
      keyId: key.keyId,
      keyModels: key.models,
      inputFileId,
      endpoint,
      metadata: { ...metadata },
      linesMax: Math.min(limits.batch_lines_max ?? batchLimits.linesMax, batchLimits.linesMax),
      isEncrypted: limits.volume === 'encrypted',
      retentionMs: retentionMsOf(limits),
    },
    nowMs,
  );
  // A conflict is our own write, sent twice: nobody else can have drawn this id.
  await ports.batches.put(batch);
  return { kind: 'created', batch };
}

/** Far more than may be at work: one that is older has ended, as its window has. */
const batchesLooked = 100;

/** Null for one that is missing, another tenant's, past its retention, or no id at all. */
export async function findBatch(
  { batches }: { readonly batches: Pick<Batches, 'get'> },
  tenantId: string,
  batchId: string,
): Promise<BatchRecord | null> {
  return isBatchId(batchId) ? batches.get(tenantId, batchId) : null;
}

export type CancelBatchOutcome =
  | { readonly kind: 'found'; readonly batch: BatchRecord }
  | { readonly kind: 'missing' }
  /** It has ended, or is about to. */
  | { readonly kind: 'too_late'; readonly batch: BatchRecord }
  /** It kept moving while we looked; asking again is safe. */
  | { readonly kind: 'busy' };

/** Each loses to a step of the batch, which takes far longer than this write. */
const triesMax = 8;

/** Idempotent: one that was cancelled, or is about to be, is answered as it stands. */
export async function cancelBatch(
  ports: Pick<TenantBatchPorts, 'batches' | 'clock'>,
  tenantId: string,
  batchId: string,
): Promise<CancelBatchOutcome> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const batch = await findBatch(ports, tenantId, batchId);
    if (batch === null) return { kind: 'missing' };
    if (batch.cancelingAtMs !== null) return { kind: 'found', batch };
    const next = cancelAsked(batch, ports.clock.nowMs());
    if (next === null) return { kind: 'too_late', batch };
    if ((await ports.batches.put(next)) === 'stored') return { kind: 'found', batch: next };
  }
  return { kind: 'busy' };
}
