/** What the routes of files and batches share: finding, and pages that go on after an id. */
import type { BatchRecord } from '#core/batch/batch.ts';
import { isBatchId } from '#core/batch/batch.ts';
import type { FileRecord } from '#core/batch/file.ts';
import { isFileId } from '#core/batch/file.ts';
import { AppError } from '#core/errors.ts';
import { findBatch } from '#core/flows/batches.ts';
import { findFile } from '#core/flows/find-file.ts';
import type { Page } from '#core/ports/page.ts';
import type { ApiDeps } from './api-deps.ts';

/** Throws `not_found`, alike for missing, foreign, expired and malformed ids. */
export async function knownFile(deps: ApiDeps, tenantId: string, id: string): Promise<FileRecord> {
  const file = await findFile(deps, tenantId, lookedFor(id, isFileId, 'file'));
  if (file === null) throw new AppError('not_found');
  return file;
}

/** As {@link knownFile}. */
export async function knownBatch(deps: ApiDeps, tenantId: string, id: string): Promise<BatchRecord> {
  const batch = await findBatch(deps, tenantId, lookedFor(id, isBatchId, 'batch'));
  if (batch === null) throw new AppError('not_found');
  return batch;
}

/** An id that was never given out in place of one that cannot be: the same read, and the same answer. */
function lookedFor(id: string, isId: (id: string) => boolean, prefix: string): string {
  return isId(id) ? id : `${prefix}_${'0'.repeat(26)}`;
}

/** A store that filters may give short pages; so many of them are put together for one answer. */
const readsMax = 5;

/** @param read a page after the id, or the first one */
export async function pageAfter<T>(
  read: (limit: number, after: string | undefined) => Promise<Page<T>>,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<Page<T>> {
  const items: T[] = [];
  let cursor: string | null = after ?? null;
  for (let reads = 0; reads < readsMax; reads += 1) {
    const page: Page<T> = await read(limit - items.length, cursor ?? undefined);
    items.push(...page.items);
    cursor = page.cursor;
    if (cursor === null || items.length >= limit) break;
  }
  return { items, cursor };
}

/** Throws `invalid_request` for an `after` that no object of the list can have. */
export function checkAfter(after: string | undefined, isId: (id: string) => boolean): void {
  if (after === undefined || isId(after)) return;
  throw new AppError('invalid_request', {
    details: [{ path: 'after', message: 'must be the id of an object of this list' }],
  });
}
