/**
 * Blobs as objects of one bucket. An encrypted one is put with SSE-KMS: under the key that is configured, else under
 * the account's `aws/s3`. A link then works only while its signer may use the key.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Blobs } from '#core/ports/blobs.ts';
import { objectKey } from './keys.ts';
import { keepingOf } from './s3-care.ts';
import { writeInParts } from './s3-multipart.ts';
import { signUpload } from './s3-upload-link.ts';
import type { TenantBucket } from './tenant-bucket.ts';
import { unlessMissing } from './tenant-bucket.ts';

export interface S3BlobsOptions extends TenantBucket {
  /** Id, ARN or alias of the key of encrypted blobs. */
  readonly kmsKey?: string | undefined;
}

export function createS3Blobs(options: S3BlobsOptions): Blobs {
  const { blobs, blobsOf, bucket, kmsKey } = options;
  return {
    async put(tenantId, path, body, contentType, how) {
      const own = await blobsOf(tenantId);
      await own.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: objectKey(tenantId, path),
          Body: body,
          ContentType: contentType,
          ...keepingOf(how, kmsKey),
        }),
      );
    },

    async link(tenantId, path, seconds) {
      const Key = objectKey(tenantId, path);
      return getSignedUrl(await blobsOf(tenantId), new GetObjectCommand({ Bucket: bucket, Key }), {
        expiresIn: seconds,
      });
    },

    async get(tenantId, path) {
      const Key = objectKey(tenantId, path);
      const own = await blobsOf(tenantId);
      return unlessMissing(options, Key, async () => {
        const { Body } = await own.send(new GetObjectCommand({ Bucket: bucket, Key }));
        return Body === undefined ? new Uint8Array() : await Body.transformToByteArray();
      });
    },

    async read(tenantId, path, from) {
      // A range of an empty object would be refused.
      const range = from === 0 ? {} : { Range: `bytes=${from}-` };
      const Key = objectKey(tenantId, path);
      const own = await blobsOf(tenantId);
      try {
        return await unlessMissing(options, Key, async () => {
          const { Body } = await own.send(new GetObjectCommand({ Bucket: bucket, Key, ...range }));
          // In Node a body is a readable stream of buffers, which ends its transfer when it is left early.
          return Body === undefined ? nothing() : (Body as AsyncIterable<Uint8Array>);
        });
      } catch (error) {
        if (error instanceof S3ServiceException && error.name === 'InvalidRange') return nothing();
        throw error;
      }
    },

    write: async (tenantId, path, pieces, ContentType, how) =>
      writeInParts(
        await blobsOf(tenantId),
        { Bucket: bucket, Key: objectKey(tenantId, path), ContentType, ...keepingOf(how, kmsKey) },
        pieces(),
      ),

    // By the role of the process: it lasts an hour, which is as long as a session does at most.
    uploadLink: (tenantId, path, file, seconds, how) =>
      signUpload(
        blobs,
        { Bucket: bucket, Key: objectKey(tenantId, path) },
        file,
        seconds,
        keepingOf(how, kmsKey),
      ),

    async remove(tenantId, path) {
      await blobs.send(new DeleteObjectCommand({ Bucket: bucket, Key: objectKey(tenantId, path) }));
    },
  };
}

/** A file without bytes from there on. */
async function* nothing(): AsyncIterable<Uint8Array> {
  yield* [];
}
