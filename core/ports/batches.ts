import type { BatchRecord } from '../batch/batch.ts';
import type { FilePurpose, FileRecord } from '../batch/file.ts';
import type { Page } from './page.ts';

/** What is known of files that tenants bring for batches, and of those that batches leave. A file past its expiry is missing. */
export interface Files {
  create(file: FileRecord): Promise<'created' | 'exists'>;
  /** Sees every earlier write. */
  get(tenantId: string, fileId: string): Promise<FileRecord | null>;
  /** By age, which their ids sort by. A page may hold fewer than `limit` and still have a cursor. */
  list(tenantId: string, ask: FileListAsk): Promise<Page<FileRecord>>;
  remove(tenantId: string, fileId: string): Promise<'removed' | 'missing'>;
}

export interface FileListAsk {
  readonly limit: number;
  /** Only what comes after the file of this id, whether it is there or not. */
  readonly after?: string;
  readonly order: 'asc' | 'desc';
  readonly purpose?: FilePurpose;
}

/** A batch past its retention is missing. */
export interface Batches {
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(batch: BatchRecord): Promise<'stored' | 'conflict'>;
  /** Sees every earlier write. */
  get(tenantId: string, batchId: string): Promise<BatchRecord | null>;
  /** Newest first. The cursor is the id of the last, and any id may stand for one. */
  list(
    tenantId: string,
    ask: { readonly limit: number; readonly after?: string },
  ): Promise<Page<BatchRecord>>;
  /** Those of all tenants that somebody has to work at (`isAtWork`), oldest first; may lag behind writes. */
  atWork(cursor?: string): Promise<Page<BatchRecord>>;
}
