/** `Blobs` in memory. A link to read is the blob itself as a `data:` URL, so it outlives its `seconds`. */
import type { ExpectedFile } from '#core/adapter/check-file.ts';
import { digest } from '#core/canonical.ts';
import type { Blobs, UploadLink } from '#core/ports/blobs.ts';
import type { Clock } from '#core/ports/process.ts';

export interface MemoryBlobs extends Blobs {
  /** What following the link with this body comes to: whether the store took it. */
  upload(link: UploadLink, body: Uint8Array): boolean;
}

/** Pieces of a size that no line ends at. */
const pieceBytes = 1_021;

export function createMemoryBlobs({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): MemoryBlobs {
  const blobs = new Map<string, { readonly body: Uint8Array; readonly contentType: string }>();
  const links = new Map<
    string,
    { readonly key: string; readonly file: ExpectedFile; readonly endMs: number }
  >();
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
    async read(tenantId, path, from) {
      const blob = blobs.get(blobKey(tenantId, path));
      return blob === undefined ? null : piecesOf(blob.body.subarray(from));
    },
    async write(tenantId, path, pieces, contentType) {
      const all: Uint8Array[] = [];
      for await (const piece of pieces()) all.push(Uint8Array.from(piece));
      blobs.set(blobKey(tenantId, path), { body: Buffer.concat(all), contentType });
    },
    async uploadLink(tenantId, path, file, seconds) {
      const key = blobKey(tenantId, path);
      const endMs = clock.nowMs() + seconds * 1000;
      const url = `memory:blob/${digest(`${key} ${file.sha256}`)}/${endMs}`;
      links.set(url, { key, file, endMs });
      return { url, headers: {} };
    },
    upload({ url }, body) {
      const link = links.get(url);
      if (link === undefined || clock.nowMs() >= link.endMs) return false;
      // As S3 does under the signed checksum.
      if (body.byteLength !== link.file.bytes || digest(body) !== link.file.sha256) return false;
      blobs.set(link.key, { body: Uint8Array.from(body), contentType: 'application/octet-stream' });
      return true;
    },
    async remove(tenantId, path) {
      blobs.delete(blobKey(tenantId, path));
    },
  };
}

async function* piecesOf(body: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += pieceBytes) yield body.slice(at, at + pieceBytes);
}

function blobKey(tenantId: string, path: string): string {
  return `${tenantId}/${path}`;
}
