/**
 * Dropped files as objects of the bucket: tenants put them below one prefix, results go below another. A version is the
 * object's ETag: a read asks for it, so that what was put meanwhile is not taken for it.
 */
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Drops } from '#core/ports/drops.ts';
import { dropInKey, dropOutKey } from './keys.ts';
import { keepingOf } from './s3-care.ts';
import { writeInParts } from './s3-multipart.ts';
import type { TenantBucket } from './tenant-bucket.ts';
import { unlessMissing } from './tenant-bucket.ts';

export interface S3DropsOptions extends TenantBucket {
  /** Id, ARN or alias of the key of encrypted files. */
  readonly kmsKey?: string | undefined;
}

export function createS3Drops(options: S3DropsOptions): Drops {
  const { blobsOf, bucket: Bucket, kmsKey } = options;
  return {
    async look(tenantId, name) {
      const Key = dropInKey(tenantId, name);
      const own = await blobsOf(tenantId);
      return unlessMissing(options, Key, async () => {
        const {
          ETag = '',
          ContentLength = 0,
          LastModified,
        } = await own.send(new HeadObjectCommand({ Bucket, Key }));
        return { version: ETag, bytes: ContentLength, atMs: LastModified?.getTime() ?? 0 };
      });
    },

    async read(tenantId, name, version) {
      const Key = dropInKey(tenantId, name);
      const own = await blobsOf(tenantId);
      return unlessMissing(options, Key, async () => {
        const { Body } = await own.send(new GetObjectCommand({ Bucket, Key, IfMatch: version }));
        // In Node a body is a readable stream of buffers, which ends its transfer when it is left early.
        return Body === undefined ? null : (Body as AsyncIterable<Uint8Array>);
      });
    },

    write: async (tenantId, name, pieces, ContentType, how) =>
      writeInParts(
        await blobsOf(tenantId),
        { Bucket, Key: dropOutKey(tenantId, name), ContentType, ...keepingOf(how, kmsKey) },
        pieces(),
      ),
  };
}
