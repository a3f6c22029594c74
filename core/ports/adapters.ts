import type { AdapterRecord } from '../adapter/adapter.ts';
import type { ExpectedFile } from '../adapter/check-file.ts';
import type { JobAdapter } from '../adapter/job-adapters.ts';
import type { LastingTotal } from '../admission/stored-bytes.ts';
import type { UploadLink } from './blobs.ts';
import type { Page } from './page.ts';

/** Tenants' adapters. Every read sees every earlier write. */
export interface Adapters {
  get(tenantId: string, adapterId: string): Promise<AdapterRecord | null>;
  /** Every one of the tenant's, oldest first; there are `adapterLimits.ownMax` at most. */
  list(tenantId: string): Promise<AdapterRecord[]>;
  /** `full`: the tenant has `max` or more; however many ask at once, there are never more than `max`. */
  create(adapter: AdapterRecord, max: number): Promise<'created' | 'exists' | 'full'>;
  /** Stores the record if the stored one has the version before. */
  put(adapter: AdapterRecord): Promise<'stored' | 'conflict'>;
  remove(tenantId: string, adapterId: string): Promise<'removed' | 'missing'>;
  /** What the files of all of them take, but of refused ones, which have none. */
  total(tenantId: string): Promise<LastingTotal>;
  /**
   * Tenants of which an adapter was created, changed or removed since the last {@link settle}: the write that does it says
   * so. Lags a moment behind writes.
   */
  listChanged(cursor?: string): Promise<Page<string>>;
  /** Puts the tenant among those of {@link listChanged}, whatever adapters it has. */
  noteChange(tenantId: string): Promise<void>;
  /** Takes the tenant from those of {@link listChanged}; no effect when anything changed after this version of the total. */
  settle(tenantId: string, version: number): Promise<void>;
}

/** The files of adapters, which no retention clears. */
export interface AdapterFiles {
  /** A link that puts this file, for `seconds`; with AWS it takes no other bytes than those of this length and hash. */
  uploadLink(tenantId: string, adapterId: string, file: ExpectedFile, seconds: number): Promise<UploadLink>;
  /** The file in pieces as they come; null: there is none. A reader that stops early ends the transfer. */
  read(tenantId: string, adapterId: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> | null>;
  remove(tenantId: string, adapterId: string): Promise<void>;
  /** Removes files of the tenant's adapters, whether or not a record names them, a page of them; `more`: some may be left. */
  clear(tenantId: string): Promise<'cleared' | 'more'>;
}

/** Files of adapters on the disk of a worker, by their hash: whoever holds one is nobody else's business. */
export interface AdapterCache {
  /**
   * The path of the file, brought here if it is not there, and kept until `release` is called. `missing`: the store has
   * none, or other bytes than the hash says. Rejects when the store is out of reach or the disk is full.
   */
  take(tenantId: string, adapter: JobAdapter): Promise<TakenAdapter>;
}

export type TakenAdapter =
  | { readonly kind: 'taken'; readonly path: string; release(): void }
  | { readonly kind: 'missing' };
