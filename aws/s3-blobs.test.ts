/** What a put asks of S3. The emulator does not keep how an object is encrypted, so the request itself is looked at. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { retentionDaysMax } from '#core/tenancy/plans.ts';
import { createClients } from './clients.ts';
import { bucketSettings } from './resources.ts';
import { createS3Blobs } from './s3-blobs.ts';

const encrypted = { isEncrypted: true };

/** Blobs on a server that takes every request and keeps its headers. */
async function openScene(kmsKey?: string) {
  const requests: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    requests.push(request.headers);
    request.resume().once('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port has an address of this form.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients = createClients({
    region: 'eu-central-1',
    table: 'table',
    ledgerTable: 'ledger',
    bucket: 'bucket',
    queueUrls: {},
    endpoints: { dynamodb: url, sqs: url, s3: url },
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
  });
  onTestFinished(() => {
    clients.close();
    server.close();
  });
  return { requests, blobs: createS3Blobs({ ...clients, bucket: 'bucket', kmsKey }) };
}

describe('a blob of an encrypted volume', () => {
  it('is put under the key that is configured', async () => {
    const { requests, blobs } = await openScene('alias/tenants');

    await blobs.put('tenant-a', 'a.png', Uint8Array.of(1), 'image/png', encrypted);

    expect(requests).toMatchObject([
      {
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'alias/tenants',
        'x-amz-server-side-encryption-bucket-key-enabled': 'true',
        'content-type': 'image/png',
      },
    ]);
  });

  it("is put under the account's own key where none is configured", async () => {
    const { requests, blobs } = await openScene();

    await blobs.put('tenant-a', 'a.png', Uint8Array.of(1), 'image/png', encrypted);

    expect(requests).toMatchObject([{ 'x-amz-server-side-encryption': 'aws:kms' }]);
    expect(Object.keys(requests[0] ?? {})).not.toContain('x-amz-server-side-encryption-aws-kms-key-id');
  });
});

describe('any other blob', () => {
  it('is left to the encryption of the bucket', async () => {
    const { requests, blobs } = await openScene('alias/tenants');

    await blobs.put('tenant-a', 'a.png', Uint8Array.of(1), 'image/png');
    await blobs.put('tenant-a', 'a.png', Uint8Array.of(1), 'image/png', { isEncrypted: false });

    const names = requests.flatMap((headers) => Object.keys(headers));
    expect(requests).toHaveLength(2);
    expect(names.filter((name) => name.includes('server-side-encryption'))).toEqual([]);
  });
});

describe('a blob that is not kept as long as any', () => {
  it.each([
    [7 * 86_400_000, '7'],
    [7 * 86_400_000 + 1, '8'],
    [1, '1'],
  ])('kept %i ms is put with the tag of a rule of the bucket: %s days', async (retentionMs, days) => {
    const { requests, blobs } = await openScene();

    await blobs.put('tenant-a', 'a.png', Uint8Array.of(1), 'image/png', { isEncrypted: false, retentionMs });

    expect(requests).toMatchObject([{ 'x-amz-tagging': `retention_days=${days}` }]);
    expect(bucketSettings.retentionRules).toContainEqual({ tagValue: days, expireAfterDays: Number(days) });
  });

  it('has a rule for every retention that a plan may set, and for no other', () => {
    expect(bucketSettings.retentionRules.map(({ expireAfterDays }) => expireAfterDays)).toEqual(
      Array.from({ length: retentionDaysMax }, (_, index) => index + 1),
    );
  });

  it('carries no tag where nothing is said', async () => {
    const { requests, blobs } = await openScene();

    await blobs.put('tenant-a', 'a.png', Uint8Array.of(1), 'image/png');

    expect(Object.keys(requests[0] ?? {})).not.toContain('x-amz-tagging');
  });
});
