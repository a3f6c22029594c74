/**
 * Puts the results of a batch beside the file that it was dropped as: output and errors first, and last the status that
 * names them. Done again it writes the same.
 */
import type { BatchRecord } from '../batch/batch.ts';
import { besideDrop, endedStatus } from '../batch/drop.ts';
import { pathOfFile } from '../batch/file.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Drops } from '../ports/drops.ts';
import { careOf } from './validate-batch.ts';

export interface LeavePorts {
  readonly blobs: Pick<Blobs, 'read'>;
  readonly drops: Pick<Drops, 'write'>;
}

/** No effect for a batch that was asked for otherwise. */
export async function leaveResults(ports: LeavePorts, batch: BatchRecord): Promise<void> {
  const { tenantId, dropName, outputFileId, errorFileId } = batch;
  if (dropName === null) return;
  const beside = besideDrop(dropName);
  const results = [
    [outputFileId, beside.output],
    [errorFileId, beside.errors],
  ] as const;
  for (const [fileId, name] of results) {
    if (fileId === null) continue;
    const pieces = () => readWhole(ports, tenantId, pathOfFile(fileId));
    await ports.drops.write(tenantId, name, pieces, 'application/jsonl', careOf(batch));
  }
  const body = Buffer.from(`${JSON.stringify(endedStatus(dropName, batch), null, 2)}\n`);
  const whole = async function* () {
    yield body;
  };
  await ports.drops.write(tenantId, beside.status, whole, 'application/json', careOf(batch));
}

async function* readWhole({ blobs }: LeavePorts, tenantId: string, path: string): AsyncIterable<Uint8Array> {
  const pieces = await blobs.read(tenantId, path, 0);
  if (pieces === null) throw new Error(`the results of a batch are gone: ${path}`);
  yield* pieces;
}
