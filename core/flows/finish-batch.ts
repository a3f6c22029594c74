/**
 * Ends a batch whose lines all have their results: puts them together into its output and its error file, and tells those
 * who want to know. Memory is one file of the chain and one part of the file that is written. Both files have ids that
 * follow from the batch, so doing it again after a crash writes the same.
 */
import type { BatchRecord } from '../batch/batch.ts';
import { changed, endStatusOf, isEnded } from '../batch/batch.ts';
import { fileExpiryMs, pathOfFile } from '../batch/file.ts';
import type { LineResult } from '../batch/line-result.ts';
import { readLink } from '../batch/line-result.ts';
import { derivedSortedId } from '../canonical.ts';
import { announceBatch } from './announce.ts';
import type { BatchPorts } from './batch-ports.ts';
import { leaveResults } from './leave-results.ts';
import { careOf } from './validate-batch.ts';

/** One write of what is left to do for a batch that is worked off or has ended; `conflict`: somebody else made one. */
export async function finishBatch(
  ports: BatchPorts,
  batch: BatchRecord,
): Promise<{ readonly kind: 'stepped'; readonly batch: BatchRecord } | { readonly kind: 'conflict' }> {
  const next = await nextOf(ports, batch);
  return (await ports.batches.put(next)) === 'stored'
    ? { kind: 'stepped', batch: next }
    : { kind: 'conflict' };
}

async function nextOf(ports: BatchPorts, batch: BatchRecord): Promise<BatchRecord> {
  if (isEnded(batch)) {
    await leaveResults(ports, batch);
    await announceBatch(ports, batch);
    return changed(batch, { isAnnounced: true });
  }
  const nowMs = ports.clock.nowMs();
  if (batch.status === 'in_progress') return changed(batch, { status: 'finalizing', finalizingAtMs: nowMs });
  return changed(batch, {
    status: endStatusOf(batch),
    outputFileId: await leaveFile(ports, batch, 'output'),
    errorFileId: await leaveFile(ports, batch, 'error'),
    endedAtMs: nowMs,
  });
}

/** The id of the file; null where there is nothing to put in it. */
async function leaveFile(
  ports: BatchPorts,
  batch: BatchRecord,
  kind: LineResult['kind'],
): Promise<string | null> {
  const { tenantId, batchId, createdAtMs, retentionMs } = batch;
  const { last, lines } = kind === 'output' ? batch.outputs : batch.faults;
  if (lines === 0) return null;
  const fileId = derivedSortedId('file', createdAtMs, [tenantId, batchId, kind]);
  let bytes = 0;
  async function* counted(): AsyncIterable<Uint8Array> {
    bytes = 0;
    for await (const piece of chain(ports, batch, last)) {
      bytes += piece.byteLength;
      yield piece;
    }
  }
  await ports.blobs.write(tenantId, pathOfFile(fileId), counted, 'application/jsonl', careOf(batch));
  const nowMs = ports.clock.nowMs();
  await ports.files.create({
    tenantId,
    fileId,
    purpose: 'batch_output',
    filename: `${batchId}.${kind}.jsonl`,
    bytes,
    isStored: true,
    createdAtMs: nowMs,
    expiresAtMs: fileExpiryMs(nowMs, null, retentionMs),
  });
  return fileId;
}

/** The lines of every file of the chain, the last one first: who reads results goes by their ids. */
async function* chain(
  { blobs }: BatchPorts,
  { tenantId, batchId }: BatchRecord,
  last: string | null,
): AsyncIterable<Uint8Array> {
  for (let name = last; name !== null; ) {
    const link = await blobs.get(tenantId, name);
    if (link === null) throw new Error(`a file of results of ${batchId} is gone`);
    const { before, lines } = readLink(link);
    yield lines;
    name = before;
  }
}
