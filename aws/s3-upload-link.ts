/** Links that put one file: signed with its length and its SHA-256, so that S3 refuses other bytes. */
import { PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ExpectedFile } from '#core/adapter/check-file.ts';
import type { UploadLink } from '#core/ports/blobs.ts';

const checksumHeader = 'x-amz-checksum-sha256';
const lengthHeader = 'content-length';

/** Fields of a put that go as headers, which whoever puts the file has to send as well. */
const headersOf = {
  ServerSideEncryption: 'x-amz-server-side-encryption',
  SSEKMSKeyId: 'x-amz-server-side-encryption-aws-kms-key-id',
  BucketKeyEnabled: 'x-amz-server-side-encryption-bucket-key-enabled',
  Tagging: 'x-amz-tagging',
} as const;

type Care = Pick<PutObjectCommandInput, keyof typeof headersOf>;

/** @param care how the object is kept */
export async function signUpload(
  blobs: S3Client,
  at: { readonly Bucket: string; readonly Key: string },
  { bytes, sha256 }: ExpectedFile,
  seconds: number,
  care: Care = {},
): Promise<UploadLink> {
  const checksum = Buffer.from(sha256, 'hex').toString('base64');
  const put = new PutObjectCommand({ ...at, ...care, ContentLength: bytes, ChecksumSHA256: checksum });
  const caring = Object.entries(care).map(([field, value]): [string, string] => [
    // The fields of a care are those of the table.
    headersOf[field as keyof Care],
    String(value),
  ]);
  // Signed as headers: as parameters of the address S3 would not hold the body to them.
  const held = new Set([checksumHeader, lengthHeader, ...caring.map(([name]) => name)]);
  const url = await getSignedUrl(blobs, put, {
    expiresIn: seconds,
    unhoistableHeaders: held,
    signableHeaders: new Set(['host', ...held]),
  });
  return {
    url,
    headers: { [checksumHeader]: checksum, [lengthHeader]: String(bytes), ...Object.fromEntries(caring) },
  };
}
