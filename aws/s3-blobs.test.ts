/** What a put asks of S3. The emulator does not keep how an object is encrypted, so the request itself is looked at. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClients } from './clients.ts';
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
  return { requests, blobs: createS3Blobs({ blobs: clients.blobs, bucket: 'bucket', kmsKey }) };
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
