/** Deletes every object of the bucket: for a deployment that is to leave nothing. */
import { DeleteObjectsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { AppError } from '#core/errors.ts';

/**
 * @param stopping where it aborts, what is left stays, and asking again goes on with it
 * @throws AppError `unavailable` when objects are left
 */
export async function emptyBucket(blobs: S3Client, Bucket: string, stopping: AbortSignal): Promise<void> {
  for (;;) {
    // A page is as many as one request deletes, and what was deleted is on none.
    const { Contents = [] } = await blobs.send(new ListObjectsV2Command({ Bucket }));
    const Objects = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
    if (Objects.length === 0) return;
    if (stopping.aborted) throw leftOver('there was no time for all of them');
    const { Errors = [] } = await blobs.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    if (Errors.length > 0) throw leftOver(String(Errors[0]?.Code));
  }
}

function leftOver(reason: string): AppError {
  return new AppError('unavailable', { privateDetail: `objects are left in the bucket: ${reason}` });
}
