/** What every way to bring a file has in common: its record, how it is kept, and how its bytes count. */
import type { GateView, Refusal } from '../admission/gate.ts';
import { waitSecondsUntil } from '../admission/gate.ts';
import { bucketOf, bytesOfGb, clearsAtMs, keptBytes } from '../admission/stored-bytes.ts';
import { storedNoteName, storedNoteText } from '../admission/stored-note.ts';
import type { FileRecord } from '../batch/file.ts';
import { fileExpiryMs } from '../batch/file.ts';
import type { Gates } from '../ports/gates.ts';
import type { Clock, Ids } from '../ports/process.ts';
import { limitsOf, retentionMsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';

export interface NewFile {
  readonly tenant: TenantRecord;
  readonly purpose: 'batch' | 'vision';
  readonly filename: string;
  /** Null: as long as it may be kept. */
  readonly keptMs: number | null;
  /**
   * Given out beforehand.
   * @default a new one
   */
  readonly fileId?: string;
}

export function recordOf(
  { clock }: { readonly clock: Pick<Clock, 'nowMs'> },
  { tenant, purpose, filename, keptMs }: NewFile,
  of: Pick<FileRecord, 'bytes' | 'fileId' | 'isStored'>,
): FileRecord {
  const nowMs = clock.nowMs();
  const retentionMs = retentionMsOf(limitsOf(tenant.plan, tenant.overrides));
  return {
    ...of,
    tenantId: tenant.tenantId,
    purpose,
    filename,
    createdAtMs: nowMs,
    expiresAtMs: fileExpiryMs(nowMs, keptMs, retentionMs),
  };
}

export function careOf({ plan, overrides }: TenantRecord) {
  const limits = limitsOf(plan, overrides);
  return { isEncrypted: limits.volume === 'encrypted', retentionMs: retentionMsOf(limits) };
}

/**
 * As a job is refused that would store something: while what is kept is at the limit. Null where there is room.
 * @param bytes for which there must be room; one, where nobody says how many come
 */
export async function storageRefusal(
  { clock, gates }: { readonly clock: Pick<Clock, 'nowMs'>; readonly gates: Pick<Gates, 'read'> },
  { tenantId, plan, overrides }: TenantRecord,
  bytes = 1,
): Promise<Refusal | null> {
  const { storage_gb_max: maxGb } = limitsOf(plan, overrides);
  const gate: GateView | null = maxGb === undefined ? null : await gates.read(tenantId);
  if (gate === null || maxGb === undefined) return null;
  const nowMs = clock.nowMs();
  const max = bytesOfGb(maxGb);
  const atMs = clearsAtMs(gate.stored, max - bytes + 1, nowMs);
  if (atMs === null) return null;
  const retryAfterSeconds = waitSecondsUntil(atMs, nowMs);
  return { limit: 'storage_gb_max', used: keptBytes(gate.stored, nowMs), max, retryAfterSeconds };
}

export interface CountPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly gates: Pick<Gates, 'note' | 'read' | 'release'>;
  readonly ids: Ids;
}

/** Adds the bytes to what the tenant keeps. A crash in between is ended by the sweep; a note that is `finished` was counted by it. */
export async function count(
  { gates, ids }: CountPorts,
  { tenantId, fileId, expiresAtMs }: FileRecord,
  bytes: number,
): Promise<void> {
  const stored = { bucket: bucketOf(expiresAtMs), bytes };
  const [name, text] = [storedNoteName(ids.nonce()), storedNoteText(fileId, stored)];
  if ((await gates.note(tenantId, name, text)) !== 'noted') return;
  await gates.release(tenantId, name, { token: text, corrections: [], stored, finishTag: null });
}
