/**
 * Makes a batch of a file that a tenant put into the store by its own means. Told of it once or often, by whoever saw it come:
 * the name is a hint to look, and what is there decides. The ids of file and batch follow from the very version that
 * was found, so every version becomes one batch, however many look at once and wherever one of them dies:
 *
 * 1. the version is copied to where files of batches are. Put anew meanwhile, it is read by nobody any more;
 * 2. the file's record is made; who makes it counts its bytes;
 * 3. the batch's record is made: from here on it is a batch like any other.
 *
 * What cannot be taken leaves its fault beside it, and nothing else.
 */
import type { BatchRecord } from '../batch/batch.ts';
import { batchTermsOf, newBatch } from '../batch/batch.ts';
import type { DropFault } from '../batch/drop.ts';
import { besideDrop, dropFault, endpointOf, isDropName, refusedStatus } from '../batch/drop.ts';
import { createJsonlReader } from '../batch/jsonl.ts';
import { derivedSortedId } from '../canonical.ts';
import { batchLimits, batchRunLimits } from '../limits.ts';
import type { Batches, Drop, Drops, Plans, Tenants } from '../ports.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { hasRoomForBatch } from './batch-room.ts';
import type { KeepPorts } from './keep-file.ts';
import { keepFile } from './keep-file.ts';
import { storageRefusal } from './stored-file.ts';
import { findTenantWithPlan } from './tenant-with-plan.ts';

export interface TakeDropPorts extends KeepPorts {
  readonly batches: Pick<Batches, 'get' | 'list' | 'put'>;
  readonly drops: Drops;
  readonly plans: Pick<Plans, 'get'>;
  readonly tenants: Pick<Tenants, 'get'>;
}

export interface DropName {
  readonly tenantId: string;
  readonly name: string;
}

export type TakeDropOutcome =
  | { readonly kind: 'taken'; readonly batchId: string }
  /** Somebody has taken this version before. */
  | { readonly kind: 'known'; readonly batchId: string }
  /** It is not there any more, or another version has come, of which somebody will be told. */
  | { readonly kind: 'gone' }
  /** Its batch, if there was one, may be past its retention: it is taken by nobody any more. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'refused'; readonly fault: DropFault };

/** What its jobs have in place of a key's id. */
const dropKeyId = 'drop';

export async function takeDrop(ports: TakeDropPorts, { tenantId, name }: DropName): Promise<TakeDropOutcome> {
  const found = await ports.drops.look(tenantId, name);
  if (found === null) return { kind: 'gone' };
  const parts = [tenantId, name, found.version, found.atMs];
  const batchId = derivedSortedId('batch', found.atMs, parts);
  if ((await ports.batches.get(tenantId, batchId)) !== null) return { kind: 'known', batchId };
  const tenant = await findTenantWithPlan(ports, tenantId);
  const fault = dropNameFault(name, found) ?? (await tenantFault(ports, tenant));
  if (tenant === null || fault !== null)
    return refuse(ports, tenantId, name, fault ?? dropFault('not_found'));
  const terms = batchTermsOf(limitsOf(tenant.plan, tenant.overrides));
  if (ports.clock.nowMs() - found.atMs >= terms.retentionMs) return { kind: 'stale' };
  const endpoint = await endpointIn(ports, { tenantId, name }, found);
  if (endpoint === 'gone') return { kind: 'gone' };
  if (endpoint === null) return refuse(ports, tenantId, name, dropFault('invalid_request', noUrl));
  const fileId = derivedSortedId('file', found.atMs, parts);
  const kept = await keepFile(ports, { tenant, purpose: 'batch', filename: name, keptMs: null }, fileId, () =>
    ports.drops.read(tenantId, name, found.version),
  );
  if (kept === null) return { kind: 'gone' };
  const batch: BatchRecord = newBatch(
    {
      ...{ tenantId, batchId, endpoint },
      ...terms,
      keyId: dropKeyId,
      keyModels: null,
      inputFileId: fileId,
      metadata: {},
      dropName: name,
    },
    ports.clock.nowMs(),
  );
  return { kind: (await ports.batches.put(batch)) === 'stored' ? 'taken' : 'known', batchId };
}

const noUrl = `No line names a url that batches take.`;

function dropNameFault(name: string, { bytes }: Drop): DropFault | null {
  if (!isDropName(name))
    return dropFault('invalid_request', 'The name has characters that are not taken, or is too long.');
  const max = batchLimits.fileBytesMax;
  return bytes > max ? dropFault('payload_too_large', `The file is larger than ${max} bytes.`) : null;
}

/** What keeps the tenant from having another batch now. */
async function tenantFault(ports: TakeDropPorts, tenant: TenantRecord | null): Promise<DropFault | null> {
  if (tenant === null || tenant.status === 'deleted')
    return dropFault('not_found', 'There is no such tenant.');
  if (tenant.status === 'suspended') return dropFault('tenant_suspended');
  const refusal = await storageRefusal(ports, tenant);
  if (refusal !== null) return dropFault('quota_exceeded', `The limit ${refusal.limit} leaves no room.`);
  if (await hasRoomForBatch(ports, tenant.tenantId)) return null;
  return dropFault(
    'concurrency_limit',
    `${batchRunLimits.openBatchesMax} batches have not ended: put it again once one has.`,
  );
}

async function refuse(
  { drops }: Pick<TakeDropPorts, 'drops'>,
  tenantId: string,
  name: string,
  fault: DropFault,
): Promise<TakeDropOutcome> {
  const body = Buffer.from(`${JSON.stringify(refusedStatus(name, fault), null, 2)}\n`);
  await drops.write(tenantId, besideDrop(name).status, () => once(body), 'application/json');
  return { kind: 'refused', fault };
}

/** The first url that is one; null where no line has any. */
async function endpointIn(
  { drops }: Pick<TakeDropPorts, 'drops'>,
  { tenantId, name }: DropName,
  { version }: Drop,
): Promise<string | null | 'gone'> {
  const pieces = await drops.read(tenantId, name, version);
  if (pieces === null) return 'gone';
  const reader = createJsonlReader(batchLimits);
  const among = (entries: ReturnType<typeof reader.end>) =>
    entries.flatMap((entry) => (entry.kind === 'line' ? (endpointOf(entry.value) ?? []) : [])).at(0);
  for await (const piece of pieces) {
    const endpoint = among(reader.push(piece));
    if (endpoint !== undefined) return endpoint;
  }
  return among(reader.end()) ?? null;
}

async function* once(body: Uint8Array): AsyncIterable<Uint8Array> {
  yield body;
}
