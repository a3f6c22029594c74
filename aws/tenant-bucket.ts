/** The bucket as adapters of tenants' files see it. */
import { ListObjectsV2Command, type S3Client, S3ServiceException } from '@aws-sdk/client-s3';

export interface TenantBucket {
  readonly bucket: string;
  /** By the role of the process: for links that outlive a session, and to look what is there. */
  readonly blobs: S3Client;
  /** By a session of the tenant, where the deployment has them. */
  blobsOf(tenantId: string): Promise<S3Client>;
}

/**
 * What asking for an object comes to; null: there is none, or not under the condition that it was asked for with. S3 says of a
 * missing object that it is forbidden to whoever may not list the bucket, as a tenant's session may not.
 */
export async function unlessMissing<T>(
  { blobs, bucket }: Pick<TenantBucket, 'blobs' | 'bucket'>,
  key: string,
  ask: () => Promise<T>,
): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status === 404 || status === 412) return null;
    if (status === 403 && !(await isThere(blobs, bucket, key))) return null;
    throw error;
  }
}

async function isThere(blobs: S3Client, Bucket: string, key: string): Promise<boolean> {
  const { Contents = [] } = await blobs.send(new ListObjectsV2Command({ Bucket, Prefix: key, MaxKeys: 1 }));
  return Contents.some(({ Key }) => Key === key);
}
