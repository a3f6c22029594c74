/**
 * Files of adapters as objects of the bucket. An upload goes straight to it, under a link that is signed with the length
 * and the SHA-256 of the file: S3 refuses other bytes, so a link that outlives the check can change nothing.
 */
import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, type S3Client } from '@aws-sdk/client-s3';
import type { AdapterFiles } from '#core/ports.ts';
import { adapterObjectKey } from './keys.ts';
import { signUpload } from './s3-upload-link.ts';

export interface S3AdapterFilesOptions {
  readonly blobs: S3Client;
  readonly bucket: string;
}

export function createS3AdapterFiles({ blobs, bucket }: S3AdapterFilesOptions): AdapterFiles {
  const at = (tenantId: string, adapterId: string) => ({
    Bucket: bucket,
    Key: adapterObjectKey(tenantId, adapterId),
  });
  return {
    uploadLink: (tenantId, adapterId, file, seconds) =>
      signUpload(blobs, at(tenantId, adapterId), file, seconds),

    async read(tenantId, adapterId, signal) {
      try {
        const command = new GetObjectCommand(at(tenantId, adapterId));
        const { Body } = await blobs.send(command, signal === undefined ? {} : { abortSignal: signal });
        // In Node a body is a readable stream of buffers, which ends its transfer when it is left early.
        return Body === undefined ? null : (Body as AsyncIterable<Uint8Array>);
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },

    async remove(tenantId, adapterId) {
      await blobs.send(new DeleteObjectCommand(at(tenantId, adapterId)));
    },
  };
}
