/** How an object is kept, in the words of a put. */
import type { BlobCare } from '#core/ports/blobs.ts';
import { bucketSettings } from './resources.ts';

const dayMs = 24 * 60 * 60 * 1000;

export function keepingOf(how: BlobCare | undefined, kmsKey: string | undefined) {
  return {
    ...(how?.isEncrypted === true ? underKey(kmsKey) : {}),
    ...(how?.retentionMs === undefined ? {} : { Tagging: retentionTag(how.retentionMs) }),
  };
}

/** The tag that a lifecycle rule of the bucket goes by; a part of a day counts as one, so that no file goes too early. */
function retentionTag(retentionMs: number): string {
  const days = Math.max(1, Math.ceil(retentionMs / dayMs));
  return new URLSearchParams({ [bucketSettings.retentionTag]: String(days) }).toString();
}

function underKey(kmsKey: string | undefined) {
  return {
    ServerSideEncryption: 'aws:kms',
    ...(kmsKey === undefined ? {} : { SSEKMSKeyId: kmsKey }),
    // One call to the key service for many objects instead of one for each.
    BucketKeyEnabled: true,
  } as const;
}
