/** For tests: what a tenant does with the bucket by its own means. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { dropInKey, dropOutKey } from './keys.ts';

export function dropsOf(blobs: S3Client, Bucket: string) {
  return {
    async drop(tenantId: string, name: string, Body: Uint8Array): Promise<void> {
      await blobs.send(new PutObjectCommand({ Bucket, Key: dropInKey(tenantId, name), Body }));
    },
    async collect(tenantId: string, name: string): Promise<Uint8Array> {
      const { Body } = await blobs.send(new GetObjectCommand({ Bucket, Key: dropOutKey(tenantId, name) }));
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    },
  };
}
