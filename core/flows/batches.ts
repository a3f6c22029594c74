/** What a tenant does with its batches; working at them is `run-batches.ts`. */
import * as z from 'zod';
import type { BatchRecord } from '../batch/batch.ts';
import { batchTermsOf, cancelAsked, isBatchId, newBatch } from '../batch/batch.ts';
import { canonicalJson, digest, sortedId } from '../canonical.ts';
import { apiLimits, batchRunLimits } from '../limits.ts';
import type { Batches, Files } from '../ports/batches.ts';
import type { Mark, Marks } from '../ports/marks.ts';
import type { Clock, Ids } from '../ports/process.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from '../tenancy/tenant.ts';
import { hasRoomForBatch } from './batch-room.ts';
import { findFile } from './find-file.ts';

export interface TenantBatchPorts {
  readonly batches: Batches;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly files: Pick<Files, 'get'>;
  readonly ids: Pick<Ids, 'next'>;
  readonly marks: Marks;
}

export interface BatchAsk {
  readonly tenant: TenantRecord;
  readonly key: Pick<KeyRecord, 'keyId' | 'models'>;
  readonly inputFileId: string;
  readonly endpoint: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly idempotencyKey: string | null;
  /**
   * Of the request; another one with its key leaves the batch in the trace of the first.
   * @default a trace that begins with the batch
   */
  readonly traceparent?: string;
}

export type CreateBatchOutcome =
  | { readonly kind: 'created'; readonly batch: BatchRecord }
  /** The same Idempotency-Key and body came before: the batch of that time, as it stands now. */
  | { readonly kind: 'replayed'; readonly batch: BatchRecord }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'no_file' }
  /** The tenant has as many at work as it may. */
  | { readonly kind: 'full'; readonly max: number };

/**
 * Two requests at once may pass the bound by one: it keeps the rounds short, and nothing rests on it.
 *
 * With an Idempotency-Key a mark notes the id of the batch before there is one, so whoever comes next with the key, and
 * whoever came at once, makes that batch or finds it. A crash between the two leaves the id to the next request.
 */
export async function createBatch(ports: TenantBatchPorts, ask: BatchAsk): Promise<CreateBatchOutcome> {
  const { tenant, key, inputFileId, endpoint, metadata, traceparent } = ask;
  const { tenantId } = tenant;
  const mark = await standingMark(ports, ask);
  if (mark !== null) {
    const earlier = await replay(ports, ask, mark);
    if (earlier !== null) return earlier;
  }
  const file = await findFile(ports, tenantId, inputFileId);
  if (file === null || file.purpose !== 'batch') return { kind: 'no_file' };
  if (!(await hasRoomForBatch(ports, tenantId))) return { kind: 'full', max: batchRunLimits.openBatchesMax };
  const nowMs = ports.clock.nowMs();
  const batchId = sortedId('batch', nowMs, ports.ids.next('batch'));
  const noted = mark ?? (await noteKey(ports, ask, batchId, nowMs));
  if (noted !== null && noted.fingerprint !== fingerprintOf(ask)) return { kind: 'mismatch' };
  const batch = newBatch(
    {
      tenantId,
      batchId: noted?.batchId ?? batchId,
      keyId: key.keyId,
      keyModels: key.models,
      inputFileId,
      endpoint,
      metadata: { ...metadata },
      traceparent: traceparent ?? null,
      ...batchTermsOf(limitsOf(tenant.plan, tenant.overrides)),
    },
    nowMs,
  );
  const stored = await ports.batches.put(batch);
  // Without a key a conflict is our own write, sent twice: nobody else can have drawn this id.
  const first = stored === 'conflict' && noted !== null ? await replay(ports, ask, noted) : null;
  return first ?? { kind: 'created', batch };
}

const notedSchema = z.object({ batchId: z.string(), fingerprint: z.string() });

/** What a key was noted to mean. */
type Noted = z.infer<typeof notedSchema>;

/** Null without a key, and for one that was not used for `apiLimits.idempotencyKeptMs`. */
async function standingMark({ marks }: TenantBatchPorts, ask: BatchAsk): Promise<Noted | null> {
  if (ask.idempotencyKey === null) return null;
  const mark = await marks.get(ask.tenant.tenantId, markNameOf(ask.idempotencyKey));
  return mark === null ? null : notedIn(mark);
}

/** What the key means from now on, or what another request noted first. */
async function noteKey(
  ports: TenantBatchPorts,
  ask: BatchAsk,
  batchId: string,
  nowMs: number,
): Promise<Noted | null> {
  if (ask.idempotencyKey === null) return null;
  const noted: Noted = { batchId, fingerprint: fingerprintOf(ask) };
  const stored = await ports.marks.put({
    tenantId: ask.tenant.tenantId,
    name: markNameOf(ask.idempotencyKey),
    text: JSON.stringify(noted),
    untilMs: Math.ceil((nowMs + apiLimits.idempotencyKeptMs) / 1000) * 1000,
    version: 1,
  });
  return stored === 'stored' ? noted : ((await standingMark(ports, ask)) ?? noted);
}

/** The outcome for a key that was used; null when its batch is still to be made. */
async function replay(
  { batches }: TenantBatchPorts,
  ask: BatchAsk,
  { batchId, fingerprint }: Noted,
): Promise<CreateBatchOutcome | null> {
  if (fingerprint !== fingerprintOf(ask)) return { kind: 'mismatch' };
  const batch = await batches.get(ask.tenant.tenantId, batchId);
  return batch === null ? null : { kind: 'replayed', batch };
}

/** A hash, because a key may hold any character. */
function markNameOf(idempotencyKey: string): string {
  return `batch-${digest(idempotencyKey)}`;
}

function notedIn({ text }: Mark): Noted {
  return notedSchema.parse(JSON.parse(text));
}

function fingerprintOf({ inputFileId, endpoint, metadata }: BatchAsk): string {
  return digest(canonicalJson({ inputFileId, endpoint, metadata }));
}

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
