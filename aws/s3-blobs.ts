/** Blobs as objects of one bucket. */
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Blobs } from '#core/ports.ts';
import { objectKey } from './keys.ts';

export function createS3Blobs(options: { readonly blobs: S3Client; readonly bucket: string }): Blobs {
  const { blobs, bucket } = options;
  return {
    async put(tenantId, path, body, contentType) {
      const Key = objectKey(tenantId, path);
      await blobs.send(new PutObjectCommand({ Bucket: bucket, Key, Body: body, ContentType: contentType }));
    },

    async link(tenantId, path, seconds) {
      const Key = objectKey(tenantId, path);
      return getSignedUrl(blobs, new GetObjectCommand({ Bucket: bucket, Key }), { expiresIn: seconds });
    },

    async get(tenantId, path) {
      try {
        const { Body } = await blobs.send(
          new GetObjectCommand({ Bucket: bucket, Key: objectKey(tenantId, path) }),
        );
        return Body === undefined ? new Uint8Array() : await Body.transformToByteArray();
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },
  };
}
