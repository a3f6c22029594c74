import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { portsContract } from '#core/contract/ports.contract.ts';
import { startEmulators } from '#local/emulators.ts';
import { awsPortsOver } from './aws-ports.ts';
import { createBlobClient, createClients } from './clients.ts';
import { dropsOf } from './drops-under-test.ts';
import type { GrantedResource } from './operations.ts';
import { operations } from './operations.ts';
import { bucketSettings, indexes, tables } from './resources.ts';
import type { Sent } from './watched-clients.ts';
import { watchClients } from './watched-clients.ts';

/** IAM's word for each request where it is not the request's own name. */
const actionOf: Readonly<Record<string, string>> = {
  DeleteMessageBatch: 'sqs:DeleteMessage',
  ChangeMessageVisibilityBatch: 'sqs:ChangeMessageVisibility',
  // Reading an object's head takes what reading it does.
  HeadObject: 's3:GetObject',
  // Parts are put under the permission of the whole.
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  DeleteObjects: 's3:DeleteObject',
  ListObjectsV2: 's3:ListBucket',
};

const services: readonly (readonly [service: string, form: RegExp])[] = [
  ['dynamodb', /Item$|^Query$/],
  ['s3', /Objects?(V2)?$|MultipartUpload$|^UploadPart$/],
  ['sqs', /Message|Queue/],
];

/** `resource action` of everything that each operation sent. */
const sent = new Map<string, Set<string>>();

portsContract('aws adapters on the embedded stack', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-aws-'));
  const emulators = await startEmulators({ dataDir, pools: [] });
  const clients = createClients(emulators.config);
  const all = awsPortsOver(clients, emulators.config);
  const { clock, ids, log: _, close, ...ports } = all;
  return {
    ports: watchClients(clients, note).ports(ports),
    clock,
    ids,
    preparePool: async (pool) => emulators.addPool(pool),
    ...dropsOf(createBlobClient(emulators.config), emulators.config.bucket),
    async upload({ url, headers }, body) {
      // The client names the length itself.
      const { 'content-length': _length, ...own } = headers;
      return (await fetch(url, { method: 'PUT', headers: own, body: Uint8Array.from(body) })).ok;
    },
    async dispose() {
      close();
      await emulators.close();
      await rm(dataDir, { recursive: true });
    },
  };
});

describe('the table of what operations need', () => {
  it('has what each of them sent in the suite above, and nothing more', () => {
    const granted = Object.entries(operations).map(([operation, permissions]) => [
      operation,
      permissions
        .flatMap(({ resource, actions }) => actions.map((action) => `${resource} ${action}`))
        .filter(isRequested)
        .toSorted(),
    ]);

    const seen = Object.keys(operations).map((operation) => [
      operation,
      [...(sent.get(operation) ?? [])].filter(isRequested).toSorted(),
    ]);

    expect(granted).toEqual(seen);
  });

  it('lets nothing be sent that no operation asked for', () => {
    expect([...sent.keys()].filter((operation) => !Object.hasOwn(operations, operation))).toEqual([]);
  });
});

/** S3 asks for the other one where an object is missing as well: no request of such an operation is named like it. */
function isRequested(permission: string): boolean {
  return permission !== 'bucket s3:ListBucket';
}

function note({ operation, command, input }: Sent): void {
  const request = command.replace(/Command$/, '');
  const service = services.find(([, form]) => form.test(request))?.[0] ?? 'unknown';
  const action = actionOf[request] ?? `${service}:${request}`;
  const resource = resourceOf(service, input);
  const known = sent.get(operation ?? 'nobody') ?? new Set();
  known.add(`${resource} ${action}`);
  if (Object.hasOwn(input, 'Tagging')) known.add(`${resource} ${action}Tagging`);
  sent.set(operation ?? 'nobody', known);
}

function resourceOf(service: string, input: object): GrantedResource | 'unknown' {
  if (service === 'sqs') return 'queues';
  if (service === 's3') return partOfBucket(keyOf(input));
  if ('IndexName' in input) return input.IndexName === indexes.line.name ? 'lineIndex' : 'createdIndex';
  const names =
    'TableName' in input
      ? [input.TableName]
      : Object.keys('RequestItems' in input ? Object(input.RequestItems) : {});
  return names.includes(tables.ledger.localName) ? 'ledger' : 'table';
}

/** Of the first object that is named; empty where the bucket is asked. */
function keyOf(input: object): string {
  if ('Key' in input) return String(input.Key);
  return 'Delete' in input ? String(Object(input.Delete).Objects[0].Key) : '';
}

function partOfBucket(key: string): GrantedResource | 'unknown' {
  if (key === '') return 'bucket';
  if (key.startsWith(bucketSettings.tenantPrefix)) return 'tenantFiles';
  if (key.startsWith(bucketSettings.dropInPrefix)) return 'droppedFiles';
  if (key.startsWith(bucketSettings.dropOutPrefix)) return 'dropResults';
  return key.startsWith(bucketSettings.adapterPrefix) ? 'adapterFiles' : 'unknown';
}
