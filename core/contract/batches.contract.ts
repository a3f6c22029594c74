/** Promises of `Files`, `Batches` and of long files among `Blobs`. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BatchRecord } from '../batch/batch.ts';
import { changed, failed } from '../batch/batch.ts';
import type { FileRecord } from '../batch/file.ts';
import { sortedId } from '../canonical.ts';
import { fileLimits } from '../limits.ts';
import { sampleBatch } from '../samples.ts';
import type { Scene } from './scene.ts';
import { allPages } from './scene.ts';

const dayMs = 24 * 60 * 60 * 1000;

export function batchesContract(scene: Scene): void {
  const fileOf = (tenantId: string, change: Partial<FileRecord> = {}): FileRecord => {
    const createdAtMs = change.createdAtMs ?? scene.clock.nowMs();
    return {
      tenantId,
      fileId: sortedId('file', createdAtMs, scene.jobId()),
      purpose: 'batch',
      filename: 'zeilen ü.jsonl',
      bytes: 17,
      isStored: true,
      createdAtMs,
      expiresAtMs: Math.ceil((createdAtMs + dayMs) / 1000) * 1000,
      ...change,
    };
  };
  const batchOf = (tenantId: string, createdAtMs = scene.clock.nowMs()): BatchRecord =>
    sampleBatch({ tenantId, batchId: sortedId('batch', createdAtMs, scene.jobId()), createdAtMs });

  describe('Files', () => {
    it('gives back every field, creates a file once, and removes it once', async () => {
      const { files } = scene.ports;
      const file = fileOf(scene.tenantId());

      expect(await files.create(file)).toBe('created');
      expect(await files.create({ ...file, bytes: 1 })).toBe('exists');
      expect(await files.get(file.tenantId, file.fileId)).toEqual(file);
      expect(await files.remove(file.tenantId, file.fileId)).toBe('removed');
      expect(await files.remove(file.tenantId, file.fileId)).toBe('missing');
      expect(await files.get(file.tenantId, file.fileId)).toBeNull();
    });

    it('answers for a file of another tenant, and for one past its expiry, as for none', async () => {
      const { files } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      const file = fileOf(tenantId);
      const past = fileOf(tenantId, { expiresAtMs: Math.floor(scene.clock.nowMs() / 1000) * 1000 });
      for (const each of [file, past]) await files.create(each);

      expect(await files.get(other, file.fileId)).toBeNull();
      expect(await files.remove(other, file.fileId)).toBe('missing');
      expect(await files.get(tenantId, past.fileId)).toBeNull();
      expect(await files.remove(tenantId, past.fileId)).toBe('missing');
      await scene.eventually(async () => {
        expect((await files.list(tenantId, { limit: 10, order: 'asc' })).items).toEqual([file]);
      });
    });

    it('lists by age, by purpose where it is asked, in pages that go on after an id', async () => {
      const { files } = scene.ports;
      const tenantId = scene.tenantId();
      const nowMs = scene.clock.nowMs();
      const made = [0, 1, 2, 3, 4].map((index) =>
        fileOf(tenantId, {
          createdAtMs: nowMs + index * 1_000,
          purpose: index === 2 ? 'batch_output' : 'batch',
        }),
      );
      for (const file of made) await files.create(file);
      const every = (order: 'asc' | 'desc', more: object = {}) =>
        allPages((after) =>
          files.list(tenantId, { limit: 2, order, ...more, ...(after === undefined ? {} : { after }) }),
        );

      await scene.eventually(async () => {
        expect(await every('asc')).toEqual(made);
        expect(await every('desc')).toEqual(made.toReversed());
        expect(await every('asc', { purpose: 'batch_output' })).toEqual([made[2]]);
      });
    });
  });

  describe('Batches', () => {
    it('gives back every field, and stores what follows on the stored version alone', async () => {
      const { batches } = scene.ports;
      const batch = batchOf(scene.tenantId());
      const { tenantId, batchId } = batch;
      const next = changed(batch, {
        status: 'in_progress',
        estimate: { usdMicros: 5, gpuMs: 7 },
        open: [{ number: 3, byteOffset: 99, customId: 'ü' }],
        stop: { code: 'a', message: 'b' },
        errors: [{ code: 'c', message: 'd', line: 1, param: null }],
        outputs: { last: 'name', lines: 2 },
      });

      expect(await batches.put(batch)).toBe('stored');
      expect(await batches.put(batch)).toBe('conflict');
      expect(await batches.put(next)).toBe('stored');
      expect(await batches.put({ ...next, total: 5 })).toBe('conflict');
      expect(await batches.put(batchOf(scene.tenantId(), 1))).toBe('stored');
      expect(await batches.put({ ...batchOf(tenantId), version: 2 })).toBe('conflict');
      expect(await batches.get(tenantId, batchId)).toEqual(next);
      expect(await batches.get(scene.tenantId(), batchId)).toBeNull();
    });

    it('lists the newest first, in pages that go on after an id', async () => {
      const { batches } = scene.ports;
      const tenantId = scene.tenantId();
      const nowMs = scene.clock.nowMs();
      const made = [0, 1, 2, 3, 4].map((index) => batchOf(tenantId, nowMs + index * 1_000));
      for (const batch of made) await batches.put(batch);

      const listed = await allPages((after) =>
        batches.list(tenantId, { limit: 2, ...(after === undefined ? {} : { after }) }),
      );

      expect(listed).toEqual(made.toReversed());
    });

    it('shows those at work, of every tenant, until their end was announced', async () => {
      const { batches } = scene.ports;
      const made = [batchOf(scene.tenantId()), batchOf(scene.tenantId())];
      const [first, second] = made;
      if (first === undefined || second === undefined) throw new Error('two were made');
      for (const batch of made) await batches.put(batch);
      const ended = failed(first, [], scene.clock.nowMs());
      const atWork = async () =>
        (await allPages((cursor) => batches.atWork(cursor)))
          .map(({ batchId }) => batchId)
          .filter((id) => made.some(({ batchId }) => batchId === id));

      await scene.eventually(async () =>
        expect((await atWork()).toSorted()).toEqual(made.map((each) => each.batchId).toSorted()),
      );
      await batches.put(ended);
      await scene.eventually(async () => expect(await atWork()).toHaveLength(2));
      await batches.put(changed(ended, { isAnnounced: true }));
      await scene.eventually(async () => expect(await atWork()).toEqual([second.batchId]));
    });

    it('answers for one past its retention as for none', async () => {
      const { batches } = scene.ports;
      const batch = batchOf(scene.tenantId());
      const { tenantId, batchId } = batch;
      await batches.put(batch);
      await batches.put(failed({ ...batch, retentionMs: 1_000 }, [], scene.clock.nowMs() - 3_000));

      expect(await batches.get(tenantId, batchId)).toBeNull();
      expect((await batches.list(tenantId, { limit: 10 })).items).toEqual([]);
    });
  });

  describe('long Blobs', () => {
    const path = 'files/long.jsonl';

    it('are written in pieces and read from any byte on', async () => {
      const { blobs } = scene.ports;
      const [tenantId, other] = [scene.tenantId(), scene.tenantId()];
      // More than two parts, so that a store that takes them in parts does.
      const piece = Buffer.from('0123456789abcdef'.repeat(65_536));
      const count = Math.ceil((2 * fileLimits.partBytes + 1) / piece.byteLength);
      const whole = Buffer.concat(Array.from({ length: count }, () => piece));
      async function* pieces() {
        for (let index = 0; index < count; index += 1) yield piece;
      }

      await blobs.write(tenantId, path, pieces, 'application/jsonl', care);

      expect(hashOf(await allOf(await blobs.read(tenantId, path, 0)))).toBe(hashOf(whole));
      expect(hashOf(await allOf(await blobs.read(tenantId, path, 12_345)))).toBe(
        hashOf(whole.subarray(12_345)),
      );
      expect(await allOf(await blobs.read(tenantId, path, whole.byteLength))).toHaveLength(0);
      expect(await blobs.read(other, path, 0)).toBeNull();
      await blobs.remove(tenantId, path);
      await blobs.remove(tenantId, path);
      expect(await blobs.read(tenantId, path, 0)).toBeNull();
    });

    it('may be short or empty, and leave what was there where their pieces fail', async () => {
      const { blobs } = scene.ports;
      const tenantId = scene.tenantId();
      async function* short() {
        yield Buffer.from('short');
      }
      async function* failing() {
        yield Buffer.alloc(fileLimits.partBytes + 1);
        yield Buffer.alloc(fileLimits.partBytes);
        throw new Error('no more');
      }
      async function* empty() {
        yield* [] as Uint8Array[];
      }

      await blobs.write(tenantId, path, short, 'application/jsonl');
      await expect(blobs.write(tenantId, path, failing, 'application/jsonl')).rejects.toThrow('no more');
      expect((await allOf(await blobs.read(tenantId, path, 0))).toString()).toBe('short');
      await blobs.write(tenantId, path, empty, 'application/jsonl');
      expect(await allOf(await blobs.read(tenantId, path, 0))).toHaveLength(0);
    });

    it('come by a link as well', async () => {
      const { blobs } = scene.ports;
      const tenantId = scene.tenantId();
      const body = Buffer.from('lines');
      const file = { bytes: body.byteLength, sha256: hashOf(body) };

      const link = await blobs.uploadLink(tenantId, path, file, 60, care);

      expect(await scene.upload(link, body)).toBe(true);
      expect(await allOf(await blobs.read(tenantId, path, 0))).toEqual(body);
    });
  });
}

/** Kept for a day, under a key. */
const care = { isEncrypted: true, retentionMs: 86_400_000 };

async function allOf(pieces: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces ?? []) all.push(piece);
  return Buffer.concat(all);
}

function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
