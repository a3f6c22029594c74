import type { BlobCare } from './blobs.ts';

/** Files of lines that tenants put into the store by their own means, by name, and what is left for them there. */
export interface Drops {
  /** The file as it is now; null: there is none. */
  look(tenantId: string, name: string): Promise<Drop | null>;
  /**
   * This version in pieces as they come; null: it is gone, and perhaps another one there. A reader that stops early
   * ends the transfer.
   */
  read(tenantId: string, name: string, version: string): Promise<AsyncIterable<Uint8Array> | null>;
  /** As {@link Blobs.write}, among the tenant's results. */
  write(
    tenantId: string,
    name: string,
    pieces: () => AsyncIterable<Uint8Array>,
    contentType: string,
    how?: BlobCare,
  ): Promise<void>;
}

export interface Drop {
  /** Of its bytes; with the instant it tells this file from every other that has had its name. */
  readonly version: string;
  readonly bytes: number;
  /** When it was put; whole seconds. */
  readonly atMs: number;
}
