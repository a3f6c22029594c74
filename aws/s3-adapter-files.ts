/**
 * Files of adapters as objects of the bucket. An upload goes straight to it, under a link that is signed with the length
 * and the SHA-256 of the file: S3 refuses other bytes, so a link that outlives the check can change nothing.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { AdapterFiles } from '#core/ports.ts';
import { adapterObjectKey } from './keys.ts';

export interface S3AdapterFilesOptions {
  readonly blobs: S3Client;
  readonly bucket: string;
}

const checksumHeader = 'x-amz-checksum-sha256';
const lengthHeader = 'content-length';

export function createS3AdapterFiles({ blobs, bucket }: S3AdapterFilesOptions): AdapterFiles {
  const at = (tenantId: string, adapterId: string) => ({
    Bucket: bucket,
    Key: adapterObjectKey(tenantId, adapterId),
  });
  return {
    async uploadLink(tenantId, adapterId, { bytes, sha256 }, seconds) {
      const checksum = Buffer.from(sha256, 'hex').toString('base64');
      const put = new PutObjectCommand({
        ...at(tenantId, adapterId),
        ContentLength: bytes,
        ChecksumSHA256: checksum,
      });
      // Signed as headers: as parameters of the address S3 would not hold the body to them.
      const held = new Set([checksumHeader, lengthHeader]);
      const how = {
        expiresIn: seconds,
        unhoistableHeaders: held,
        signableHeaders: new Set(['host', ...held]),
      };
      const url = await getSignedUrl(blobs, put, how);
      return { url, headers: { [checksumHeader]: checksum, [lengthHeader]: String(bytes) } };
    },

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
