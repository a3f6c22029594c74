/**
 * What each operation of a port needs of AWS: the one table that roles are made from. A port's new method does not compile
 * without a row; `aws-ports.test.ts` runs the conformance suite and holds every row to the requests that were really sent.
 * Pure data, no SDK, as `resources.ts` is.
 */
import type { StoragePorts } from '#core/ports/storage.ts';

/** A resource of `resources.ts`, or a part of one that permissions are given for by themselves. */
export type GrantedResource =
  | 'table'
  | 'lineIndex'
  | 'createdIndex'
  | 'ledger'
  | 'queues'
  | 'bucket'
  | 'tenantFiles'
  | 'adapterFiles'
  | 'droppedFiles'
  | 'dropResults';

export interface Permission {
  readonly resource: GrantedResource;
  /** IAM actions. */
  readonly actions: readonly string[];
}

type OperationOf<Port extends keyof StoragePorts> = `${Port}.${keyof StoragePorts[Port] & string}`;

/** `port.method`. */
export type PortOperation = { [Port in keyof StoragePorts]: OperationOf<Port> }[keyof StoragePorts];

const on = (resource: GrantedResource, ...actions: string[]): Permission => ({ resource, actions });

const items = (resource: GrantedResource) => ({
  read: on(resource, 'dynamodb:GetItem'),
  readMany: on(resource, 'dynamodb:BatchGetItem'),
  put: on(resource, 'dynamodb:PutItem'),
  update: on(resource, 'dynamodb:UpdateItem'),
  remove: on(resource, 'dynamodb:DeleteItem'),
  query: on(resource, 'dynamodb:Query'),
});

const table = items('table');
const ledger = items('ledger');
const lineIndex = { query: on('lineIndex', 'dynamodb:Query') };
const createdIndex = { query: on('createdIndex', 'dynamodb:Query') };

const queues = {
  send: on('queues', 'sqs:SendMessage'),
  receive: on('queues', 'sqs:ReceiveMessage'),
  delete: on('queues', 'sqs:DeleteMessage'),
  hide: on('queues', 'sqs:ChangeMessageVisibility'),
  depth: on('queues', 'sqs:GetQueueAttributes'),
};

const tenantFiles = {
  get: on('tenantFiles', 's3:GetObject'),
  /** Files carry the tag that says when they go. */
  put: on('tenantFiles', 's3:PutObject', 's3:PutObjectTagging'),
  remove: on('tenantFiles', 's3:DeleteObject'),
  /** Of an upload in parts that does not come to its end. */
  abort: on('tenantFiles', 's3:AbortMultipartUpload'),
};
const adapterFiles = {
  get: on('adapterFiles', 's3:GetObject'),
  put: on('adapterFiles', 's3:PutObject'),
  remove: on('adapterFiles', 's3:DeleteObject'),
};
const droppedFiles = { get: on('droppedFiles', 's3:GetObject') };
const dropResults = {
  put: on('dropResults', 's3:PutObject', 's3:PutObjectTagging'),
  abort: on('dropResults', 's3:AbortMultipartUpload'),
};
/** Without it S3 says of a missing object that it is forbidden, and an adapter could not tell the one from the other. */
const bucket = { list: on('bucket', 's3:ListBucket') };

export const operations = {
  'adapterFiles.clear': [bucket.list, adapterFiles.remove],
  'adapterFiles.read': [adapterFiles.get, bucket.list],
  'adapterFiles.remove': [adapterFiles.remove],
  'adapterFiles.uploadLink': [adapterFiles.put],
  'adapters.create': [table.update, table.read],
  'adapters.get': [table.read],
  'adapters.list': [table.read],
  'adapters.listChanged': [lineIndex.query],
  'adapters.noteChange': [table.update],
  'adapters.put': [table.update],
  'adapters.remove': [table.update],
  'adapters.settle': [table.update],
  'adapters.total': [table.read],
  'aliases.get': [table.read],
  'aliases.list': [lineIndex.query, table.readMany],
  'aliases.put': [table.put],
  'aliases.remove': [table.remove],
  'batches.atWork': [lineIndex.query, table.readMany],
  'batches.get': [table.read],
  'batches.list': [table.query],
  'batches.put': [table.put],
  'blobs.get': [tenantFiles.get, bucket.list],
  'blobs.link': [tenantFiles.get],
  'blobs.put': [tenantFiles.put],
  'blobs.read': [tenantFiles.get, bucket.list],
  'blobs.remove': [tenantFiles.remove],
  'blobs.uploadLink': [tenantFiles.put],
  'blobs.write': [tenantFiles.put, tenantFiles.abort],
  'deliveries.due': [lineIndex.query, table.readMany],
  'deliveries.get': [table.read],
  'deliveries.list': [table.query],
  'deliveries.put': [table.put, table.update],
  'deliveries.rest': [table.read, lineIndex.query, table.update, table.remove],
  'deliveries.turns': [lineIndex.query],
  'drops.look': [droppedFiles.get, bucket.list],
  'drops.read': [droppedFiles.get, bucket.list],
  'drops.write': [dropResults.put, dropResults.abort],
  'endpoints.get': [table.read],
  'endpoints.list': [table.query],
  'endpoints.put': [table.put],
  'endpoints.remove': [table.remove],
  'files.create': [table.put],
  'files.get': [table.read],
  'files.list': [table.query],
  'files.remove': [table.remove],
  'gates.admit': [table.update, table.read],
  'gates.keep': [table.read, table.update],
  'gates.lift': [table.update],
  'gates.listOpen': [lineIndex.query],
  'gates.note': [table.update, table.read],
  'gates.read': [table.read],
  'gates.release': [table.update],
  'gates.rest': [table.read, table.update],
  'gates.start': [table.update, table.read],
  'gates.stop': [table.update],
  'jobEvents.append': [table.put],
  'jobEvents.read': [table.query],
  'jobs.apply': [table.update, table.read],
  'jobs.count': [lineIndex.query],
  'jobs.create': [table.put],
  'jobs.forbid': [table.update, table.put],
  'jobs.forbidAll': [table.update, table.put],
  'jobs.get': [table.read],
  'jobs.lapsed': [lineIndex.query],
  'jobs.line': [lineIndex.query],
  'jobs.list': [createdIndex.query, table.readMany],
  'keys.create': [table.put],
  'keys.expire': [table.update, table.read],
  'keys.get': [table.read],
  'keys.list': [lineIndex.query, table.readMany],
  'keys.revoke': [table.update, table.read],
  'keys.touch': [table.update],
  'ledger.append': [ledger.put],
  'ledger.charge': [ledger.read],
  'ledger.list': [ledger.query],
  'ledger.refund': [ledger.read],
  'ledger.share': [ledger.read],
  'ledger.state': [ledger.put],
  'ledger.statements': [ledger.query],
  'ledger.warmup': [ledger.read],
  'marks.get': [table.read],
  'marks.put': [table.put],
  'plans.get': [table.read],
  'plans.list': [lineIndex.query, table.readMany],
  'plans.put': [table.put],
  'pools.advance': [table.update],
  'pools.calibrate': [table.update],
  'pools.enlist': [table.update],
  'pools.listOwn': [lineIndex.query],
  'pools.move': [table.update, table.read],
  'pools.noteBoots': [table.update],
  'pools.noteScaling': [table.update],
  'pools.order': [table.update],
  'pools.read': [table.read],
  'results.get': [table.read],
  'results.put': [table.put, lineIndex.query, table.remove],
  'results.touch': [table.update],
  'streams.close': [table.update],
  'streams.open': [table.update, table.read, table.put],
  'tenants.create': [table.put],
  'tenants.get': [table.read],
  'tenants.list': [lineIndex.query, table.readMany],
  'tenants.update': [table.put, table.update],
  'tickets.delete': [queues.delete],
  'tickets.depth': [queues.depth],
  'tickets.hide': [queues.hide],
  'tickets.receive': [queues.receive],
  'tickets.send': [queues.send],
  'workers.list': [lineIndex.query, table.readMany],
  'workers.report': [table.put],
} as const satisfies Readonly<Record<PortOperation, readonly Permission[]>>;

/**
 * Operations that a session of the tenant's carries out, in a deployment that has such: whoever asks for one of them may begin sessions,
 * and not reach the objects itself. Left out are links to upload, which outlive a session, and what removes.
 */
export const bySession: readonly PortOperation[] = [
  'adapterFiles.read',
  'blobs.get',
  'blobs.link',
  'blobs.put',
  'blobs.read',
  'blobs.write',
  'drops.look',
  'drops.read',
  'drops.write',
];

/** What of these operations the role of the process itself needs where sessions do the rest: to look what is there. */
export function ownPermissionsOf(
  asked: readonly PortOperation[],
): ReadonlyMap<GrantedResource, readonly string[]> {
  const own = permissionsOf(asked.filter((operation) => !bySession.includes(operation)));
  const list = permissionsOf(asked).get('bucket');
  return list === undefined ? own : new Map([...own, ['bucket', list]]);
}

/** What the role of tenants' sessions needs, for all that they carry out. */
export function sessionPermissions(): ReadonlyMap<GrantedResource, readonly string[]> {
  return new Map([...permissionsOf(bySession)].filter(([resource]) => resource !== 'bucket'));
}

/** Actions by resource, each once, for all of these operations together. */
export function permissionsOf(
  asked: readonly PortOperation[],
): ReadonlyMap<GrantedResource, readonly string[]> {
  const byResource = new Map<GrantedResource, Set<string>>();
  for (const { resource, actions } of asked.flatMap((operation) => operations[operation])) {
    byResource.set(resource, new Set([...(byResource.get(resource) ?? []), ...actions]));
  }
  return new Map([...byResource].map(([resource, actions]) => [resource, [...actions].toSorted()]));
}
