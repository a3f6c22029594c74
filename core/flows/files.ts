/**
 * Files that tenants bring for their batches: with the request, or announced and put by a link. What one takes counts as the
 * tenant's stored bytes until it expires or is deleted.
 *
 * The bytes go first, then their count, then the record: a crash leaves bytes that nobody names and that expire, and perhaps
 * a count that ends with the day on which the file would have gone; never a file that is not counted.
 */
import type { GateView, Refusal } from '../admission/gate.ts';
import { reservationToken } from '../admission/reservation.ts';
import { bucketOf, bytesOfGb, clearsAtMs, keptBytes } from '../admission/stored-bytes.ts';
import type { FileRecord } from '../batch/file.ts';
import { fileExpiryMs, isFileId, pathOfFile } from '../batch/file.ts';
import { sortedId } from '../canonical.ts';
import { fileLimits } from '../limits.ts';
import type { Blobs, Clock, Files, Gates, Ids, UploadLink } from '../ports.ts';
import { limitsOf, retentionMsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';

export interface FilePorts {
  readonly blobs: Pick<Blobs, 'put' | 'uploadLink' | 'remove'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly files: Files;
  readonly gates: Pick<Gates, 'note' | 'read' | 'release'>;
  readonly ids: Ids;
}

export interface NewFile {
  readonly tenant: TenantRecord;
  readonly filename: string;
  /** Null: as long as it may be kept. */
  readonly keptMs: number | null;
}

export type StoreOutcome =
  | { readonly kind: 'stored'; readonly file: FileRecord }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export type AnnounceOutcome =
  | { readonly kind: 'announced'; readonly file: FileRecord; readonly link: UploadLink }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Of a file whose bytes came with the request. */
export async function storeFile(ports: FilePorts, asked: NewFile, body: Uint8Array): Promise<StoreOutcome> {
  const refusal = await storageRefusal(ports, asked.tenant);
  if (refusal !== null) return { kind: 'refused', refusal };
  const file = recordOf(ports, asked, { bytes: body.byteLength, isStored: true });
  const path = pathOfFile(file.fileId);
  await ports.blobs.put(file.tenantId, path, body, 'application/jsonl', careOf(asked.tenant));
  await count(ports, file, file.bytes);
  await ports.files.create(file);
  return { kind: 'stored', file };
}

/** Of a file that is to be put by the link. It counts from now on, whether it comes or not. */
export async function announceFile(
  ports: FilePorts,
  asked: NewFile,
  expected: { readonly bytes: number; readonly sha256: string },
): Promise<AnnounceOutcome> {
  const refusal = await storageRefusal(ports, asked.tenant);
  if (refusal !== null) return { kind: 'refused', refusal };
  const file = recordOf(ports, asked, { bytes: expected.bytes, isStored: false });
  const link = await ports.blobs.uploadLink(
    file.tenantId,
    pathOfFile(file.fileId),
    expected,
    fileLimits.uploadSeconds,
    careOf(asked.tenant),
  );
  await count(ports, file, file.bytes);
  await ports.files.create(file);
  return { kind: 'announced', file, link };
}

/** The file of this id; null for one that is missing, another tenant's, past its expiry, or no id at all. */
export async function findFile(
  { files }: { readonly files: Pick<Files, 'get'> },
  tenantId: string,
  fileId: string,
): Promise<FileRecord | null> {
  return isFileId(fileId) ? files.get(tenantId, fileId) : null;
}

/** The bytes go first: a record without them can be removed again, bytes without a record by nobody. */
export async function removeFile(
  ports: FilePorts,
  tenantId: string,
  fileId: string,
): Promise<'removed' | 'missing'> {
  const file = await findFile(ports, tenantId, fileId);
  if (file === null) return 'missing';
  await ports.blobs.remove(tenantId, pathOfFile(fileId));
  const outcome = await ports.files.remove(tenantId, fileId);
  if (outcome === 'removed' && file.purpose === 'batch') await count(ports, file, -file.bytes);
  return outcome;
}

function recordOf(
  { clock, ids }: FilePorts,
  { tenant, filename, keptMs }: NewFile,
  of: Pick<FileRecord, 'bytes' | 'isStored'>,
): FileRecord {
  const nowMs = clock.nowMs();
  const retentionMs = retentionMsOf(limitsOf(tenant.plan, tenant.overrides));
  return {
    ...of,
    tenantId: tenant.tenantId,
    fileId: sortedId('file', nowMs, ids.next('file')),
    purpose: 'batch',
    filename,
    createdAtMs: nowMs,
    expiresAtMs: fileExpiryMs(nowMs, keptMs, retentionMs),
  };
}

function careOf({ plan, overrides }: TenantRecord) {
  const limits = limitsOf(plan, overrides);
  return { isEncrypted: limits.volume === 'encrypted', retentionMs: retentionMsOf(limits) };
}

/** As a job is refused that would store something: while what is kept is at the limit. Null where there is room. */
async function storageRefusal(
  { clock, gates }: FilePorts,
  { tenantId, plan, overrides }: TenantRecord,
): Promise<Refusal | null> {
  const { storage_gb_max: maxGb } = limitsOf(plan, overrides);
  const gate: GateView | null = maxGb === undefined ? null : await gates.read(tenantId);
  if (gate === null || maxGb === undefined) return null;
  const nowMs = clock.nowMs();
  const max = bytesOfGb(maxGb);
  const atMs = clearsAtMs(gate.stored, max, nowMs);
  if (atMs === null) return null;
  const retryAfterSeconds = Math.max(1, Math.ceil((atMs - nowMs) / 1000));
  return { limit: 'storage_gb_max', used: keptBytes(gate.stored, nowMs), max, retryAfterSeconds };
}

/** Adds the bytes to what the tenant keeps; a crash in between is ended by the sweep, which then adds nothing. */
async function count({ clock, gates, ids }: FilePorts, file: FileRecord, bytes: number): Promise<void> {
  const { tenantId, fileId, expiresAtMs } = file;
  const spent = { usdMicros: 0, gpuMs: 0, admittedAtMs: clock.nowMs() };
  const token = reservationToken(spent, ids.nonce());
  if ((await gates.note(tenantId, fileId, token)) !== 'noted') return;
  const stored = { bucket: bucketOf(expiresAtMs), bytes };
  await gates.release(tenantId, fileId, { token, corrections: [], stored, finishTag: null });
}
