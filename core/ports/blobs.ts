import type { ExpectedFile } from '../adapter/check-file.ts';

/** A tenant's files. `path` is relative to the tenant, such as `jobs/<id>/<attempt>/0.png`; the adapter adds the prefix. */
export interface Blobs {
  put(tenantId: string, path: string, body: Uint8Array, contentType: string, how?: BlobCare): Promise<void>;
  /** A link that reads this one object for `seconds`. */
  link(tenantId: string, path: string, seconds: number): Promise<string>;
  get(tenantId: string, path: string): Promise<Uint8Array | null>;
  /**
   * The file from byte `from` on, in pieces as they come, which is none past its end; null: there is none. A reader that
   * stops early ends the transfer.
   */
  read(tenantId: string, path: string, from: number): Promise<AsyncIterable<Uint8Array> | null>;
  /**
   * Stores what the pieces make together, whole or not at all; holds `fileLimits.partBytes` of it in memory. Rejects when
   * the pieces do, and leaves what was there before.
   * @param pieces begins anew each time that it is called
   */
  write(
    tenantId: string,
    path: string,
    pieces: () => AsyncIterable<Uint8Array>,
    contentType: string,
    how?: BlobCare,
  ): Promise<void>;
  /** A link that puts this file, for `seconds`; with AWS it takes no other bytes than those of this length and hash. */
  uploadLink(
    tenantId: string,
    path: string,
    file: ExpectedFile,
    seconds: number,
    how?: BlobCare,
  ): Promise<UploadLink>;
  /** No effect where there is none. */
  remove(tenantId: string, path: string): Promise<void>;
}

export interface BlobCare {
  /**
   * Kept under a key of the key management service, which every read then needs and logs.
   * @default the store's own encryption
   */
  readonly isEncrypted: boolean;
  /**
   * The store removes it some time after so long.
   * @default as long as any job is kept
   */
  readonly retentionMs?: number;
}

/** For a PUT with exactly these headers. */
export interface UploadLink {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}
