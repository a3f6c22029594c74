/**
 * Files of adapters as objects of the bucket. An upload goes straight to it, under a link that is signed with the length
 * and the SHA-256 of the file: S3 refuses other bytes, so a link that outlives the check can change nothing.
 */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { AppError } from '#core/errors.ts';
import type { AdapterFiles } from '#core/ports/adapters.ts';
import { adapterObjectKey, adapterObjectsPrefix } from './keys.ts';
import { signUpload } from './s3-upload-link.ts';
import type { TenantBucket } from './tenant-bucket.ts';
import { unlessMissing } from './tenant-bucket.ts';

export function createS3AdapterFiles(options: TenantBucket): AdapterFiles {
  const { blobs, blobsOf, bucket } = options;
  const at = (tenantId: string, adapterId: string) => ({
    Bucket: bucket,
    Key: adapterObjectKey(tenantId, adapterId),
  });
  return {
    uploadLink: (tenantId, adapterId, file, seconds) =>
      signUpload(blobs, at(tenantId, adapterId), file, seconds),

    async read(tenantId, adapterId, signal) {
      const own = await blobsOf(tenantId);
      const object = at(tenantId, adapterId);
      return unlessMissing(options, object.Key, async () => {
        const how = signal === undefined ? {} : { abortSignal: signal };
        const { Body } = await own.send(new GetObjectCommand(object), how);
        // In Node a body is a readable stream of buffers, which ends its transfer when it is left early.
        return Body === undefined ? null : (Body as AsyncIterable<Uint8Array>);
      });
    },

    async remove(tenantId, adapterId) {
      await blobs.send(new DeleteObjectCommand(at(tenantId, adapterId)));
    },

    async clear(tenantId) {
      const Prefix = adapterObjectsPrefix(tenantId);
      const page = await blobs.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }));
      // A page is as many as one request deletes.
      const Objects = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
      if (Objects.length === 0) return 'cleared';
      const Delete = { Objects, Quiet: true };
      const { Errors = [] } = await blobs.send(new DeleteObjectsCommand({ Bucket: bucket, Delete }));
      if (Errors.length > 0) {
        throw new AppError('unavailable', { privateDetail: `files are left: ${String(Errors[0]?.Code)}` });
      }
      return page.IsTruncated === true ? 'more' : 'cleared';
    },
  };
}
