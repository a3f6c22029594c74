/**
 * Every key shape: partition and sort keys, index partitions, attribute names that hold another name, object keys and
 * cursors. No other file writes one. Ids are checked here, so that no tenant, job or pool id can reach outside its
 * prefix; an id that cannot exist is answered as missing.
 */
import * as z from 'zod';
import type { JobEntry } from '#core/billing/ledger.ts';
import { AppError } from '#core/errors.ts';
import type { JobClass } from '#core/job/job.ts';
import { tenantIdSchema } from '#core/tenancy/tenant.ts';
import { bucketSettings } from './resources.ts';

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

// No dot, slash or number sign: the separators of item keys and object keys.
const idForm = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const monthForm = /^[0-9]{6}$/;
// Never empty and never dots alone: some reader of a key takes `..` for the folder above.
const segmentForm = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
/** S3 takes 1,024 bytes of key; the tenant's prefix needs less than a hundred. */
const pathCharactersMax = 900;

const countPrefix = 'count#';
const finishPrefix = 'finish#';
const warmupPrefix = 'warmup#';
const storedPrefix = 'stored#';
const tracePrefix = 'gone#';
const adapterPrefix = 'adapter#';

export const gatesLine = 'gates';
/** Of the batches that there is work left for, by age. */
export const batchesLine = 'batches';
/** Tenants whose adapters changed and were not counted since. */
export const adaptersLine = 'adapters';
export const tenantsLine = 'tenants';
export const plansLine = 'plans';
export const aliasesLine = 'aliases';
/** Of the pools that are tenants' own. */
export const ownPoolsLine = 'own-pools';
/** Of the tenants with webhooks on their way, by when somebody should look. */
export const turnsLine = 'turns';

export function jobKey(tenantId: string, jobId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: `J#${checkedId(jobId)}` };
}

/** Reads {@link jobKey} back; throws when the key is no job's. */
export function readJobKey(key: ItemKey): { tenantId: string; jobId: string } {
  const tenantId = /^T#(.+)$/.exec(key.pk)?.[1];
  const jobId = /^J#(.+)$/.exec(key.sk)?.[1];
  if (tenantId === undefined || jobId === undefined) {
    throw new AppError('internal', { privateDetail: `${key.pk} ${key.sk} is no job key` });
  }
  return { tenantId, jobId };
}

/** Partition of what a job says while it runs: one of its own, because it is written and read all the time. */
export function jobEventsPartition(tenantId: string, jobId: string): string {
  return `E#${checkedTenant(tenantId)}#${checkedId(jobId)}`;
}

/** Sorts by attempt, then by place in its text. */
export function jobEventKey(tenantId: string, jobId: string, attempt: number, at: number): ItemKey {
  return { pk: jobEventsPartition(tenantId, jobId), sk: `${padded(attempt, 6)}#${padded(at, 9)}` };
}

/** One item counts all streams that a tenant has open. */
export function streamsKey(tenantId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: 'STREAMS' };
}

/** What a request leaves for the next ones. */
export function markKey(tenantId: string, name: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: `MARK#${checkedId(name)}` };
}

export function gateKey(tenantId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: 'GATE' };
}

export function tenantKey(tenantId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: 'TENANT' };
}

/** Claims a tenant's name whatever its case. */
export function tenantNameKey(tenantId: string): ItemKey {
  return { pk: `N#${checkedTenant(tenantId).toLowerCase()}`, sk: 'NAME' };
}

export function planKey(name: string): ItemKey {
  return { pk: `PLAN#${checkedId(name)}`, sk: 'PLAN' };
}

export function aliasKey(family: string, name: string): ItemKey {
  return { pk: `ALIAS#${checkedId(family)}:${checkedId(name)}`, sk: 'ALIAS' };
}

/** @param key hex digest of what the result was made from */
export function resultKeyOf(tenantId: string, key: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: `R#${checkedId(key)}` };
}

export const endpointPrefix = 'WE#';

export function endpointKey(tenantId: string, endpointId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: `${endpointPrefix}${checkedId(endpointId)}` };
}

/** Begins the sort keys of what went to one endpoint; ids of deliveries sort by time. */
export function deliveryPrefix(endpointId: string): string {
  return `WD#${checkedId(endpointId)}#`;
}

export function deliveryKey(tenantId: string, endpointId: string, deliveryId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: deliveryPrefix(endpointId) + checkedId(deliveryId) };
}

/** Of every tenant's turn: whoever watches the table tells by it that something is to be delivered. */
export const turnSortKey = 'TURN';

export function turnKey(tenantId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: turnSortKey };
}

/** Index partition of a tenant's pending deliveries, by when they are tried next. */
export function dueLine(tenantId: string): string {
  return `due/${checkedTenant(tenantId)}`;
}

export const batchPrefix = 'B#';
export const filePrefix = 'F#';

/** Ids of batches and of files sort by age, and so do these. */
export function batchKey(tenantId: string, batchId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: `${batchPrefix}${checkedId(batchId)}` };
}

export function fileKey(tenantId: string, fileId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: `${filePrefix}${checkedId(fileId)}` };
}

/** Reads {@link batchKey} or {@link fileKey} back. */
export function readSortedId({ sk }: Pick<ItemKey, 'sk'>): string {
  return sk.slice(2);
}

/** One item holds all adapters of a tenant, so that one condition bounds how many there are. */
export function adaptersKey(tenantId: string): ItemKey {
  return { pk: tenantPartition(tenantId), sk: 'ADAPTERS' };
}

/** Attribute of the item of {@link adaptersKey}; no other attribute of it holds the separator. */
export function adapterAttribute(adapterId: string): string {
  return `${adapterPrefix}${checkedId(adapterId)}`;
}

export function isAdapterAttribute(attribute: string): boolean {
  return attribute.startsWith(adapterPrefix);
}

/** Object key of an adapter's file: `adapters/<tenant>/<adapter>`. */
export function adapterObjectKey(tenantId: string, adapterId: string): string {
  return `${adapterObjectsPrefix(tenantId)}${checkedId(adapterId)}`;
}

/** What object keys of the files of a tenant's adapters begin with, and no others. */
export function adapterObjectsPrefix(tenantId: string): string {
  return `${bucketSettings.adapterPrefix}${checkedTenant(tenantId)}/`;
}

export function keyKey(keyId: string): ItemKey {
  return { pk: `K#${checkedId(keyId)}`, sk: 'KEY' };
}

export function poolKey(pool: string): ItemKey {
  return { pk: `P#${checkedId(pool)}`, sk: 'STATE' };
}

/** Attribute of a pool's item; no attribute that it has besides holds the separator. */
export function warmupAttribute(tenantId: string): string {
  return `${warmupPrefix}${checkedTenant(tenantId)}`;
}

/** The tenant of {@link warmupAttribute}; null for another attribute. */
export function readWarmupAttribute(attribute: string): string | null {
  return attribute.startsWith(warmupPrefix) ? attribute.slice(warmupPrefix.length) : null;
}

/** Reads {@link poolKey} back. */
export function readPoolKey({ pk }: Pick<ItemKey, 'pk'>): string {
  return pk.slice('P#'.length);
}

export function workerKey(workerId: string): ItemKey {
  return { pk: `W#${checkedId(workerId)}`, sk: 'WORKER' };
}

export function ledgerPartition(tenantId: string, month: string): string {
  return `L#${checkedTenant(tenantId)}#${checkedMonth(month)}`;
}

/** A refund sorts right behind its job's charge; no job id holds the separator. */
export function ledgerKey(
  tenantId: string,
  month: string,
  jobId: string,
  kind: JobEntry['kind'] = 'charge',
): ItemKey {
  const sk = kind === 'charge' ? checkedId(jobId) : `${checkedId(jobId)}#${kind}`;
  return { pk: ledgerPartition(tenantId, month), sk };
}

/** Begins with the separator that no job id holds, so no job's entries can meet it. */
export function shareKey(tenantId: string, month: string, pool: string): ItemKey {
  return { pk: ledgerPartition(tenantId, month), sk: `#share#${checkedId(pool)}` };
}

/** As {@link shareKey}. */
export function warmupKey(tenantId: string, month: string, warmupId: string): ItemKey {
  return { pk: ledgerPartition(tenantId, month), sk: `#warmup#${checkedId(warmupId)}` };
}

/** The operator's side of the ledger: no tenant's partition. */
export function statementPartition(month: string): string {
  return `S#${checkedMonth(month)}`;
}

export function statementKey(month: string, pool: string): ItemKey {
  return { pk: statementPartition(month), sk: checkedId(pool) };
}

/** Reads {@link tenantPartition} back. */
export function readTenantPartition(pk: string): string {
  return pk.slice('T#'.length);
}

/** Partition of the tenant's items in the main table and in `by_created`. */
export function tenantPartition(tenantId: string): string {
  return `T#${checkedTenant(tenantId)}`;
}

/** Index partition of the jobs that wait. */
export function waitingLine(pool: string, jobClass: JobClass): string {
  return `${checkedId(pool)}#${jobClass}`;
}

/** Index partition of the jobs under a lease. */
export function leasedLine(pool: string): string {
  return `${checkedId(pool)}#lease`;
}

/** Index partition of a tenant's keys. The slash, which no id holds, keeps it apart from the line of a pool. */
export function keysLine(tenantId: string): string {
  return `keys/${checkedTenant(tenantId)}`;
}

/** Index partition of a pool's workers, by when they were last heard of. */
export function workersLine(pool: string): string {
  return `workers/${checkedId(pool)}`;
}

/** Index partition of a tenant's cached results, by last use. */
export function resultsLine(tenantId: string): string {
  return `results/${checkedTenant(tenantId)}`;
}

/** Attribute of the gate that holds a window counter. */
export function counterAttribute(name: string): string {
  return countPrefix + name;
}

export function readCounterAttribute(attribute: string): string | null {
  return attribute.startsWith(countPrefix) ? attribute.slice(countPrefix.length) : null;
}

/** Attribute of the gate that holds a line's finish tag. */
export function finishAttribute(line: string): string {
  return finishPrefix + line;
}

export function readFinishAttribute(attribute: string): string | null {
  return attribute.startsWith(finishPrefix) ? attribute.slice(finishPrefix.length) : null;
}

/** Attribute of the gate that holds the bytes of one bucket. */
export function storedAttribute(bucket: string): string {
  return storedPrefix + bucket;
}

export function readStoredAttribute(attribute: string): string | null {
  return attribute.startsWith(storedPrefix) ? attribute.slice(storedPrefix.length) : null;
}

/** Attribute of the gate that is the trace of a reservation which was released. */
export function traceAttribute(trace: string): string {
  return tracePrefix + trace;
}

export function readTraceAttribute(attribute: string): string | null {
  return attribute.startsWith(tracePrefix) ? attribute.slice(tracePrefix.length) : null;
}

/** Object key of a path below the tenant's own prefix: `tenants/<tenant>/jobs/<job>/<attempt>/<n>.<ext>`. */
export function objectKey(tenantId: string, path: string): string {
  const segments = path.split('/');
  if (path.length > pathCharactersMax || !segments.every((segment) => segmentForm.test(segment))) {
    throw new AppError('not_found', { privateDetail: 'malformed object path' });
  }
  return `${bucketSettings.tenantPrefix}${checkedTenant(tenantId)}/${path}`;
}

/** Object key of a file that a tenant put by its own means: `batch/in/<tenant>/<name>`. */
export function dropInKey(tenantId: string, name: string): string {
  return `${bucketSettings.dropInPrefix}${checkedTenant(tenantId)}/${checkedName(name)}`;
}

/** Object key of what came of one: `batch/out/<tenant>/<name>`. */
export function dropOutKey(tenantId: string, name: string): string {
  return `${bucketSettings.dropOutPrefix}${checkedTenant(tenantId)}/${checkedName(name)}`;
}

/** Reads {@link dropInKey} back; null for a key that is none: whoever puts an object chooses its key. */
export function readDropInKey(key: string): { readonly tenantId: string; readonly name: string } | null {
  const [tenantId = '', ...segments] = key.startsWith(bucketSettings.dropInPrefix)
    ? key.slice(bucketSettings.dropInPrefix.length).split('/')
    : [];
  const name = segments.join('/');
  return tenantIdSchema.safeParse(tenantId).success && isObjectName(name) ? { tenantId, name } : null;
}

/** Any characters, but no segment that some reader of a key takes for another folder. */
function isObjectName(name: string): boolean {
  return name.split('/').every((segment) => !/^\.*$/.test(segment));
}

function checkedName(name: string): string {
  if (!isObjectName(name)) throw new AppError('not_found', { privateDetail: 'malformed name of an object' });
  return name;
}

/** Object key of a file of a model: `models/<model>/<revision>/weights/<...>`. */
export function modelFileKey(model: string, revision: string, path: string): string {
  const segments = [model, revision, ...path.split('/')];
  if (path.length > pathCharactersMax || !segments.every((segment) => segmentForm.test(segment))) {
    throw new AppError('not_found', { privateDetail: 'malformed path of a model' });
  }
  return `${bucketSettings.modelPrefix}${segments.join('/')}`;
}

/**
 * A position in a list as an opaque text. `scope` names the list and its owner; a cursor of one scope is refused in
 * another, and holds only what the list's own keys are rebuilt from, so a forged one reaches no other tenant.
 */
export function encodeCursor(scope: string, position: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify([scope, position])).toString('base64url');
}

/** Whether a key can be built from what a cursor says: a forged one may name what no key is made from. */
export function isBuildable(build: () => ItemKey): boolean {
  try {
    build();
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return false;
    throw error;
  }
}

/**
 * Throws `invalid_request` when the cursor is not one that {@link encodeCursor} made for this scope. The schema of the
 * position must let nothing through that the store would refuse as a start of this very query.
 */
export function decodeCursor<T>(scope: string, position: z.ZodType<T>, cursor: string): T {
  const parsed = z.tuple([z.literal(scope), position]).safeParse(jsonOf(cursor));
  if (!parsed.success) {
    throw new AppError('invalid_request', {
      param: 'cursor',
      publicMessage: 'The cursor is not valid here.',
    });
  }
  return parsed.data[1];
}

function jsonOf(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (error) {
    // Not JSON: the schema refuses it like any other foreign text.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A number whose text sorts as it does. */
function padded(number: number, digits: number): string {
  const text = String(number);
  if (!/^\d+$/.test(text) || text.length > digits) {
    throw new AppError('not_found', { privateDetail: 'no such position' });
  }
  return text.padStart(digits, '0');
}

function checkedMonth(month: string): string {
  if (!monthForm.test(month)) throw new AppError('not_found', { privateDetail: 'no such month' });
  return month;
}

function checkedTenant(tenantId: string): string {
  if (!tenantIdSchema.safeParse(tenantId).success) {
    throw new AppError('not_found', { privateDetail: 'malformed tenant id' });
  }
  return tenantId;
}

/** Whether the text can be an id at all: a job's, a pool's, a key's. */
export function isIdForm(id: string): boolean {
  return idForm.test(id);
}

function checkedId(id: string): string {
  if (!isIdForm(id)) throw new AppError('not_found', { privateDetail: 'malformed id' });
  return id;
}
