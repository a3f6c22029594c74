import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmulators } from '#local/emulators.ts';
import { createBlobClient } from './clients.ts';
import { emptyBucket } from './s3-emptying.ts';

async function scene(objects: number) {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-emptying-'));
  const emulators = await startEmulators({ dataDir, pools: [] });
  const blobs = createBlobClient(emulators.config);
  onTestFinished(async () => {
    blobs.destroy();
    await emulators.close();
    await rm(dataDir, { recursive: true });
  });
  const { bucket: Bucket } = emulators.config;
  await Promise.all(
    Array.from({ length: objects }, (_, index) =>
      blobs.send(new PutObjectCommand({ Bucket, Key: `tenants/a/${index} ü.png`, Body: 'x' })),
    ),
  );
  const left = async () => (await blobs.send(new ListObjectsV2Command({ Bucket }))).KeyCount;
  return { blobs, Bucket, left };
}

describe('a bucket that is to be left empty', () => {
  it('is, however many pages of objects it has, and again', async () => {
    const { blobs, Bucket, left } = await scene(1_100);

    await emptyBucket(blobs, Bucket, new AbortController().signal);

    expect(await left()).toBe(0);
    await emptyBucket(blobs, Bucket, AbortSignal.abort());
  });

  it('says that objects are left where its time is up', async () => {
    const { blobs, Bucket, left } = await scene(3);

    await expect(emptyBucket(blobs, Bucket, AbortSignal.abort())).rejects.toMatchObject({
      code: 'unavailable',
    });

    expect(await left()).toBe(3);
  });
});
