/** `Files` and `Batches` in memory. */
import type { BatchRecord } from '#core/batch/batch.ts';
import { isAtWork, isBatchGone } from '#core/batch/batch.ts';
import type { FileRecord } from '#core/batch/file.ts';
import { isExpired } from '#core/batch/file.ts';
import type { Batches, Files } from '#core/ports/batches.ts';
import type { Page } from '#core/ports/page.ts';
import type { Clock } from '#core/ports/process.ts';
import { copy } from './copy.ts';

type Now = { readonly clock: Pick<Clock, 'nowMs'> };

export function createMemoryFiles({ clock }: Now): Files {
  const tenants = new Map<string, Map<string, FileRecord>>();
  const of = (tenantId: string) => tenants.get(tenantId) ?? new Map<string, FileRecord>();
  const find = (tenantId: string, fileId: string) => {
    const file = of(tenantId).get(fileId);
    return file === undefined || isExpired(file, clock.nowMs()) ? null : file;
  };
  return {
    async create(file) {
      const own = of(file.tenantId);
      if (own.has(file.fileId)) return 'exists';
      tenants.set(file.tenantId, own.set(file.fileId, copy(file)));
      return 'created';
    },
    async get(tenantId, fileId) {
      return copy(find(tenantId, fileId));
    },
    async list(tenantId, { limit, after, order, purpose }) {
      const page = pageOf([...of(tenantId).values()], ({ fileId }) => fileId, { limit, after, order });
      const items = page.items.filter(
        (file) => !isExpired(file, clock.nowMs()) && (purpose === undefined || file.purpose === purpose),
      );
      return { ...page, items };
    },
    async remove(tenantId, fileId) {
      if (find(tenantId, fileId) === null) return 'missing';
      of(tenantId).delete(fileId);
      return 'removed';
    },
  };
}

const atWorkPage = 50;

export function createMemoryBatches({ clock }: Now): Batches {
  const tenants = new Map<string, Map<string, BatchRecord>>();
  /** Those of all tenants that there is work left for. */
  const working = new Map<string, BatchRecord>();
  const of = (tenantId: string) => tenants.get(tenantId) ?? new Map<string, BatchRecord>();
  return {
    async put(batch) {
      const { tenantId, batchId } = batch;
      const own = of(tenantId);
      if ((own.get(batchId)?.version ?? 0) !== batch.version - 1) return 'conflict';
      const stored = copy(batch);
      tenants.set(tenantId, own.set(batchId, stored));
      if (isAtWork(stored)) working.set(`${tenantId} ${batchId}`, stored);
      else working.delete(`${tenantId} ${batchId}`);
      return 'stored';
    },
    async get(tenantId, batchId) {
      const batch = of(tenantId).get(batchId);
      return batch === undefined || isBatchGone(batch, clock.nowMs()) ? null : copy(batch);
    },
    async list(tenantId, { limit, after }) {
      const all = [...of(tenantId).values()];
      const page = pageOf(all, ({ batchId }) => batchId, { limit, after, order: 'desc' });
      return { ...page, items: page.items.filter((batch) => !isBatchGone(batch, clock.nowMs())) };
    },
    async atWork(cursor) {
      const all = [...working.entries()].map(([id, batch]) => ({ id, batch }));
      const idOf = ({ id, batch }: { readonly id: string; readonly batch: BatchRecord }) =>
        `${String(batch.createdAtMs).padStart(15, '0')} ${id}`;
      const page = pageOf(all, idOf, { limit: atWorkPage, after: cursor, order: 'asc' });
      return { items: page.items.map(({ batch }) => batch), cursor: page.cursor };
    },
  };
}

interface PageAsk {
  readonly limit: number;
  readonly after: string | undefined;
  readonly order: 'asc' | 'desc';
}

function pageOf<T>(all: readonly T[], idOf: (item: T) => string, { limit, after, order }: PageAsk): Page<T> {
  const sign = order === 'asc' ? 1 : -1;
  const sorted = all.toSorted((left, right) => (idOf(left) < idOf(right) ? -sign : sign));
  const rest = sorted.filter(
    (item) => after === undefined || (order === 'asc' ? idOf(item) > after : idOf(item) < after),
  );
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items: copy(items), cursor: last !== undefined && rest.length > limit ? idOf(last) : null };
}
