/**
 * Dropped files as objects of the bucket: tenants put them below one prefix, results go below another. A version is the
 * object's ETag: a read asks for it, so that what was put meanwhile is not taken for it.
 */
import { GetObjectCommand, HeadObjectCommand, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { Drops } from '#core/ports.ts';
import { dropInKey, dropOutKey } from './keys.ts';
import { keepingOf } from './s3-care.ts';
import { writeInParts } from './s3-multipart.ts';

export interface S3DropsOptions {
  readonly blobs: S3Client;
  readonly bucket: string;
  /** Id, ARN or alias of the key of encrypted files. */
  readonly kmsKey?: string | undefined;
}

export function createS3Drops({ blobs, bucket: Bucket, kmsKey }: S3DropsOptions): Drops {
  return {
    async look(tenantId, name) {
      try {
        const Key = dropInKey(tenantId, name);
        const {
          ETag = '',
          ContentLength = 0,
          LastModified,
        } = await blobs.send(new HeadObjectCommand({ Bucket, Key }));
        return { version: ETag, bytes: ContentLength, atMs: LastModified?.getTime() ?? 0 };
      } catch (error) {
        if (statusOf(error) === 404) return null;
        throw error;
      }
    },

    async read(tenantId, name, version) {
      try {
        const Key = dropInKey(tenantId, name);
        const { Body } = await blobs.send(new GetObjectCommand({ Bucket, Key, IfMatch: version }));
        // In Node a body is a readable stream of buffers, which ends its transfer when it is left early.
        return Body === undefined ? null : (Body as AsyncIterable<Uint8Array>);
      } catch (error) {
        if ([404, 412].includes(statusOf(error) ?? 0)) return null;
        throw error;
      }
    },

    write: (tenantId, name, pieces, ContentType, how) =>
      writeInParts(
        blobs,
        { Bucket, Key: dropOutKey(tenantId, name), ContentType, ...keepingOf(how, kmsKey) },
        pieces(),
      ),
  };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}
