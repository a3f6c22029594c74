/** `Blobs` in memory. A link is the blob itself as a `data:` URL, so it outlives its `seconds`. */
import type { Blobs } from '#core/ports.ts';

export function createMemoryBlobs(): Blobs {
  const blobs = new Map<string, { readonly body: Uint8Array; readonly contentType: string }>();
  return {
    async put(tenantId, path, body, contentType) {
      blobs.set(blobKey(tenantId, path), { body: Uint8Array.from(body), contentType });
    },
    async link(tenantId, path) {
      const blob = blobs.get(blobKey(tenantId, path));
      // As with a signed link of S3, only following it tells that there is nothing behind it.
      if (blob === undefined) return 'data:';
      return `data:${blob.contentType};base64,${Buffer.from(blob.body).toString('base64')}`;
    },
    async get(tenantId, path) {
      const blob = blobs.get(blobKey(tenantId, path));
      return blob === undefined ? null : Uint8Array.from(blob.body);
    },
  };
}

function blobKey(tenantId: string, path: string): string {
  return `${tenantId}/${path}`;
}
