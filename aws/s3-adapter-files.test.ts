/** What a link to upload is signed with. The emulator takes any body for it, so the link itself is looked at. */
import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClients } from './clients.ts';
import { createS3AdapterFiles } from './s3-adapter-files.ts';

const body = Buffer.from('weights');
const hash = createHash('sha256').update(body);
const sha256 = hash.copy().digest('hex');
const checksum = hash.digest('base64');

describe('a link to upload an adapter', () => {
  it('is signed with the length and the hash of the file as headers, so that S3 takes no other bytes', async () => {
    const clients = createClients({
      region: 'eu-central-1',
      table: 'table',
      ledgerTable: 'ledger',
      bucket: 'bucket',
      queueUrls: {},
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    });
    onTestFinished(() => clients.close());
    const files = createS3AdapterFiles({ ...clients, bucket: 'bucket' });

    const { url, headers } = await files.uploadLink('tenant-a', 'adapter_1', { bytes: 7, sha256 }, 3_600);

    const { pathname, searchParams } = new URL(url);
    expect(headers).toEqual({ 'content-length': '7', 'x-amz-checksum-sha256': checksum });
    expect(searchParams.get('X-Amz-SignedHeaders')?.split(';').toSorted()).toEqual([
      'content-length',
      'host',
      'x-amz-checksum-sha256',
    ]);
    expect(pathname).toBe('/adapters/tenant-a/adapter_1');
    expect(searchParams.get('X-Amz-Expires')).toBe('3600');
    // As a parameter, the checksum would hold nobody to anything.
    expect([...searchParams.keys()].filter((name) => name.includes('checksum-sha256'))).toEqual([]);
  });
});
