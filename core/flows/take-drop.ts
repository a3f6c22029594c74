/**
 * Makes a batch of a file that a tenant put into the store by its own means. Told of it once or often, by whoever saw it come:
 * the name is a hint to look, and what is there decides. The ids of file and batch follow from the very version that
 * was found, so every version becomes one batch, however many look at once and wherever one of them dies:
 *
 * 1. whether it is taken is decided, once;
 * 2. the version is copied to where files of batches are. Put anew meanwhile, it is read by nobody any more;
 * 3. the file's record is made; who makes it counts its bytes;
 * 4. the batch's record is made: from here on it is a batch like any other.
 *
 * What cannot be taken leaves its fault beside it, and nothing else.
 */
import { batchTermsOf, newBatch } from '../batch/batch.ts';
import type { DropFault } from '../batch/drop.ts';
import { besideDrop, dropFault, endpointOf, isDropName, refusedStatus } from '../batch/drop.ts';
import { createJsonlReader } from '../batch/jsonl.ts';
import { derivedSortedId } from '../canonical.ts';
import { batchLimits } from '../limits.ts';
import type { Batches } from '../ports/batches.ts';
import type { Drop, Drops } from '../ports/drops.ts';
import type { Plans, Tenants } from '../ports/tenancy.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { DecidePorts } from './decide-drop.ts';
import { decideDrop } from './decide-drop.ts';
import type { KeepPorts } from './keep-file.ts';
import { keepFile } from './keep-file.ts';
import { findTenantWithPlan } from './tenant-with-plan.ts';

export interface TakeDropPorts extends KeepPorts, DecidePorts {
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

export async function takeDrop(ports: TakeDropPorts, drop: DropName): Promise<TakeDropOutcome> {
  const { tenantId, name } = drop;
  const found = await ports.drops.look(tenantId, name);
  if (found === null) return { kind: 'gone' };
  const parts = [tenantId, name, found.version, found.atMs];
  const batchId = derivedSortedId('batch', found.atMs, parts);
  if ((await ports.batches.get(tenantId, batchId)) !== null) return { kind: 'known', batchId };
  const tenant = await findTenantWithPlan(ports, tenantId);
  if (tenant === null || tenant.status === 'deleted')
    return refuse(ports, drop, dropFault('not_found', 'There is no such tenant.'));
  const nameFault = dropNameFault(name, found);
  if (nameFault !== null) return refuse(ports, drop, nameFault);
  const terms = batchTermsOf(limitsOf(tenant.plan, tenant.overrides));
  if (ports.clock.nowMs() - found.atMs >= terms.retentionMs) return { kind: 'stale' };
  const fault = await decideDrop(ports, { tenant, batchId, found, retentionMs: terms.retentionMs });
  if (fault !== null) return refuse(ports, drop, fault);
  const inputFileId = derivedSortedId('file', found.atMs, parts);
  return makeBatch(ports, { drop, tenant, found, batchId, inputFileId, terms });
}

interface Taken {
  readonly drop: DropName;
  readonly tenant: TenantRecord;
  readonly found: Drop;
  readonly batchId: string;
  readonly inputFileId: string;
  readonly terms: ReturnType<typeof batchTermsOf>;
}

async function makeBatch(ports: TakeDropPorts, taken: Taken): Promise<TakeDropOutcome> {
  const { drop, tenant, found, batchId, inputFileId, terms } = taken;
  const { tenantId, name } = drop;
  const endpoint = await endpointIn(ports, drop, found);
  if (endpoint === 'gone') return { kind: 'gone' };
  if (endpoint === null) return refuse(ports, drop, dropFault('invalid_request', noUrl));
  const asked = { tenant, purpose: 'batch', filename: name, keptMs: null } as const;
  const read = () => ports.drops.read(tenantId, name, found.version);
  if ((await keepFile(ports, asked, inputFileId, read)) === null) return { kind: 'gone' };
  const whose = { tenantId, keyId: dropKeyId, keyModels: null, metadata: {}, dropName: name };
  const batch = newBatch({ ...whose, ...terms, batchId, endpoint, inputFileId }, ports.clock.nowMs());
  return { kind: (await ports.batches.put(batch)) === 'stored' ? 'taken' : 'known', batchId };
}

const noUrl = `No line names a url that batches take.`;

function dropNameFault(name: string, { bytes }: Drop): DropFault | null {
  if (!isDropName(name))
    return dropFault('invalid_request', 'The name has characters that are not taken, or is too long.');
  const max = batchLimits.fileBytesMax;
  return bytes > max ? dropFault('payload_too_large', `The file is larger than ${max} bytes.`) : null;
}

async function refuse(
  { drops }: Pick<TakeDropPorts, 'drops'>,
  { tenantId, name }: DropName,
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
