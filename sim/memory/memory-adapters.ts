/** `Adapters` and `AdapterFiles` in memory. */
import type { AdapterRecord } from '#core/adapter/adapter.ts';
import type { ExpectedFile } from '#core/adapter/check-file.ts';
import { digest } from '#core/canonical.ts';
import type { AdapterCache, AdapterFiles, Adapters } from '#core/ports/adapters.ts';
import type { UploadLink } from '#core/ports/blobs.ts';
import type { Clock } from '#core/ports/process.ts';
import { copy } from './copy.ts';
import { pageOf } from './pages.ts';

export function createMemoryAdapters(): Adapters {
  const tenants = new Map<string, Map<string, AdapterRecord>>();
  const versions = new Map<string, number>();
  const changed = new Set<string>();
  const of = (tenantId: string) => tenants.get(tenantId) ?? new Map<string, AdapterRecord>();
  const note = (tenantId: string) => {
    versions.set(tenantId, (versions.get(tenantId) ?? 0) + 1);
    changed.add(tenantId);
  };
  return {
    async get(tenantId, adapterId) {
      return copy(of(tenantId).get(adapterId) ?? null);
    },
    async list(tenantId) {
      const own = [...of(tenantId).values()];
      return copy(own.toSorted((left, right) => left.createdAtMs - right.createdAtMs));
    },
    async create(adapter, max) {
      const own = of(adapter.tenantId);
      if (own.has(adapter.adapterId)) return 'exists';
      if (own.size >= max) return 'full';
      tenants.set(adapter.tenantId, own.set(adapter.adapterId, copy(adapter)));
      note(adapter.tenantId);
      return 'created';
    },
    async put(adapter) {
      const own = of(adapter.tenantId);
      if (own.get(adapter.adapterId)?.version !== adapter.version - 1) return 'conflict';
      own.set(adapter.adapterId, copy(adapter));
      note(adapter.tenantId);
      return 'stored';
    },
    async remove(tenantId, adapterId) {
      if (!of(tenantId).delete(adapterId)) return 'missing';
      note(tenantId);
      return 'removed';
    },
    async total(tenantId) {
      const withFile = [...of(tenantId).values()].filter(({ status }) => status !== 'refused');
      return {
        bytes: withFile.reduce((sum, { bytes }) => sum + bytes, 0),
        version: versions.get(tenantId) ?? 0,
      };
    },
    async listChanged(cursor) {
      return pageOf(changed, (tenantId) => tenantId, cursor);
    },
    async noteChange(tenantId) {
      note(tenantId);
    },
    async settle(tenantId, version) {
      if (versions.get(tenantId) === version) changed.delete(tenantId);
    },
  };
}

export interface MemoryAdapterFiles extends AdapterFiles {
  /** What following the link with this body comes to: whether the store took it. */
  upload(link: UploadLink, body: Uint8Array): boolean;
}

/** Fewer than a tenant may have, so that tests meet several pages. */
const clearedAtOnce = 2;

/** Pieces of a size that headers do not end at. */
const pieceBytes = 1_000;

export function createMemoryAdapterFiles({
  clock,
}: {
  readonly clock: Pick<Clock, 'nowMs'>;
}): MemoryAdapterFiles {
  const files = new Map<string, Uint8Array>();
  const links = new Map<
    string,
    { readonly key: string; readonly file: ExpectedFile; readonly endMs: number }
  >();
  const keyOf = (tenantId: string, adapterId: string) => `${tenantId}/${adapterId}`;
  return {
    async uploadLink(tenantId, adapterId, file, seconds) {
      const key = keyOf(tenantId, adapterId);
      const url = `memory:upload/${digest(key)}/${clock.nowMs() + seconds * 1000}`;
      links.set(url, { key, file, endMs: clock.nowMs() + seconds * 1000 });
      return { url, headers: {} };
    },
    upload({ url }, body) {
      const link = links.get(url);
      if (link === undefined || clock.nowMs() >= link.endMs) return false;
      // As S3 does under the signed checksum.
      if (body.byteLength !== link.file.bytes || digest(body) !== link.file.sha256) return false;
      files.set(link.key, Uint8Array.from(body));
      return true;
    },
    async read(tenantId, adapterId) {
      const file = files.get(keyOf(tenantId, adapterId));
      return file === undefined ? null : piecesOf(file);
    },
    async remove(tenantId, adapterId) {
      files.delete(keyOf(tenantId, adapterId));
    },
    async clear(tenantId) {
      const own = [...files.keys()].filter((key) => key.startsWith(keyOf(tenantId, '')));
      for (const key of own.slice(0, clearedAtOnce)) files.delete(key);
      return own.length > clearedAtOnce ? 'more' : 'cleared';
    },
  };
}

async function* piecesOf(file: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < file.byteLength; at += pieceBytes) yield file.slice(at, at + pieceBytes);
}

/** A cache without a disk: it takes what the store has, and names a path that nobody opens. */
export function createMemoryAdapterCache(files: Pick<AdapterFiles, 'read'>): AdapterCache {
  return {
    async take(tenantId, { id, sha256 }) {
      const pieces = await files.read(tenantId, id);
      if (pieces === null) return { kind: 'missing' };
      return { kind: 'taken', path: `/adapters/${sha256}`, release: () => undefined };
    },
  };
}
