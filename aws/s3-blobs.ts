/**
 * Blobs as objects of one bucket. An encrypted one is put with SSE-KMS: under the key that is configured, else under
 * the account's `aws/s3`. A link then works only while its signer may use the key.
 */
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Blobs } from '#core/ports.ts';
import { objectKey } from './keys.ts';
import { bucketSettings } from './resources.ts';

const dayMs = 24 * 60 * 60 * 1000;

export interface S3BlobsOptions {
  readonly blobs: S3Client;
  readonly bucket: string;
  /** Id, ARN or alias of the key of encrypted blobs. */
  readonly kmsKey?: string | undefined;
}

export function createS3Blobs(options: S3BlobsOptions): Blobs {
  const { blobs, bucket, kmsKey } = options;
  return {
    async put(tenantId, path, body, contentType, how) {
      await blobs.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: objectKey(tenantId, path),
          Body: body,
          ContentType: contentType,
          ...(how?.isEncrypted === true ? underKey(kmsKey) : {}),
          ...(how?.retentionMs === undefined ? {} : { Tagging: retentionTag(how.retentionMs) }),
        }),
      );
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

/** The tag that a lifecycle rule of the bucket goes by; a part of a day counts as one, so that no file goes too early. */
function retentionTag(retentionMs: number): string {
  const days = Math.max(1, Math.ceil(retentionMs / dayMs));
  return new URLSearchParams({ [bucketSettings.retentionTag]: String(days) }).toString();
}

function underKey(kmsKey: string | undefined) {
  return {
    ServerSideEncryption: 'aws:kms',
    ...(kmsKey === undefined ? {} : { SSEKMSKeyId: kmsKey }),
    // One call to the key service for many objects instead of one for each.
    BucketKeyEnabled: true,
  } as const;
}
