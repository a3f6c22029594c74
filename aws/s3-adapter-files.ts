/**
 * Files of adapters as objects of the bucket. An upload goes straight to it, under a link that is signed with the length
 * and the SHA-256 of the file: S3 refuses other bytes, so a link that outlives the check can change nothing.
 */
import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import type { AdapterFiles } from '#core/ports.ts';
import { adapterObjectKey } from './keys.ts';
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
  };
}
