/** Reads lines of a batch's file: the next ones, to be opened, and open ones again, whose texts nobody here remembers. */
import * as z from 'zod';
import type { BatchRecord, BatchStop, OpenLine } from '../batch/batch.ts';
import type { BatchLine } from '../batch/batch-line.ts';
import { readBatchLine, requestFault } from '../batch/batch-line.ts';
import { pathOfFile } from '../batch/file.ts';
import type { JsonlEntry } from '../batch/jsonl.ts';
import { createJsonlReader } from '../batch/jsonl.ts';
import type { LineResult } from '../batch/line-result.ts';
import { errorLine } from '../batch/line-result.ts';
import { batchLimits, batchRunLimits } from '../limits.ts';
import type { BatchDesk } from './batch-desk.ts';
import type { BatchPorts } from './batch-ports.ts';

/** A line and what it asks for. */
export interface LineText {
  readonly line: OpenLine;
  readonly text: BatchLine;
}

interface Taken {
  readonly opened: readonly OpenLine[];
  /** The same lines with what they ask for. */
  readonly lines: readonly LineText[];
  /** Of lines that come to no job. */
  readonly results: readonly LineResult[];
  /** Where the next one takes over; that of the batch where nothing was taken. */
  readonly cursor: BatchRecord['cursor'];
}

/**
 * The next lines of the file, from the batch's cursor on.
 * @param ask `room`: lines that may be opened. `stop`: none is, and each ends with this
 */
export async function takeLines(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  { room, stop }: { readonly room: number; readonly stop: BatchStop | null },
): Promise<Taken> {
  const { cursor } = batch;
  const none: Taken = { opened: [], lines: [], results: [], cursor };
  if (cursor === null || (room <= 0 && stop === null)) return none;
  const repeated = await repeatedOf(ports, desk, batch);
  const lines: LineText[] = [];
  const results: LineResult[] = [];
  for await (const entry of entriesFrom(ports, batch, cursor)) {
    if (entry.kind === 'refused') break;
    const { number, byteOffset } = entry;
    const isFull = lines.length >= room && stop === null;
    if (isFull || results.length >= batchRunLimits.refusedLinesMax) {
      return { opened: lines.map(({ line }) => line), lines, results, cursor: { number, byteOffset } };
    }
    const text = repeated.has(number) ? repeatedId(entry) : readBatchLine(entry, batch.endpoint);
    const of = { ...batch, number, customId: text.customId };
    if (text.kind === 'fault') results.push(errorLine(of, text.fault));
    else if (stop !== null) results.push(errorLine(of, requestFault(stop.code, stop.message)));
    else lines.push({ line: { number, byteOffset, customId: text.customId }, text });
  }
  return { opened: lines.map(({ line }) => line), lines, results, cursor: null };
}

/** Told with its id, which the reader of the whole file would not tell twice. */
function repeatedId(entry: Extract<JsonlEntry, { kind: 'line' | 'fault' }>): BatchLine {
  const customId = entry.kind === 'line' ? entry.customId : null;
  return {
    kind: 'fault',
    customId,
    fault: requestFault('custom_id_duplicate', 'custom_id is on an earlier line too'),
  };
}

/** What each of these open lines asks for, in the order of the file. */
export async function linesAt(
  ports: BatchPorts,
  desk: BatchDesk,
  batch: BatchRecord,
  open: readonly OpenLine[],
): Promise<LineText[]> {
  const sorted = open.toSorted((left, right) => left.number - right.number);
  const unknown = sorted.filter(({ number }) => !desk.has(batch.batchId, number));
  const [first] = unknown;
  if (first !== undefined) {
    const wanted = new Map(unknown.map((line) => [line.number, line]));
    for await (const entry of entriesFrom(ports, batch, first)) {
      const line = wanted.get(entry.number);
      if (line === undefined || entry.kind === 'refused') continue;
      desk.keep(batch.batchId, { line, text: readBatchLine(entry, batch.endpoint) });
      wanted.delete(entry.number);
      if (wanted.size === 0) break;
    }
  }
  return sorted.flatMap(({ number }) => desk.textOf(batch.batchId, number) ?? []);
}

/** Every entry from a place on; whoever stops early ends the transfer. Throws when the file is gone. */
async function* entriesFrom(
  { blobs }: BatchPorts,
  batch: BatchRecord,
  { number, byteOffset }: Pick<OpenLine, 'number' | 'byteOffset'>,
): AsyncIterable<JsonlEntry> {
  const pieces = await blobs.read(batch.tenantId, pathOfFile(batch.inputFileId), byteOffset);
  if (pieces === null) throw new Error(`the input file of ${batch.batchId} is gone`);
  const reader = createJsonlReader({ ...batchLimits, linesMax: batch.linesMax }, { number, byteOffset });
  for await (const piece of pieces) yield* reader.push(piece);
  yield* reader.end();
}

const repeatedSchema = z.array(z.int().positive());

function repeatedOf(ports: BatchPorts, desk: BatchDesk, batch: BatchRecord): Promise<ReadonlySet<number>> {
  const { tenantId, batchId, repeatedPath: path } = batch;
  return desk.repeatedOf(batchId, async () => {
    if (path === null) return new Set();
    const list = await ports.blobs.get(tenantId, path);
    if (list === null) throw new Error(`the list of repeated ids of ${batchId} is gone`);
    return new Set(repeatedSchema.parse(JSON.parse(Buffer.from(list).toString())));
  });
}
