/** Batches as a person reads them, and following one until it ends. */
import type { Batch } from '#client/schema.ts';
import { exitCodes } from './cli-error.ts';
import { formatTime, formatUsd } from './format.ts';
import type { Session } from './session.ts';
import { table } from './table.ts';

const lookMs = 1_000;
const ends: readonly Batch['status'][] = ['completed', 'failed', 'expired', 'cancelled'];

export function batchTable(batches: readonly Batch[]): string {
  const rows = batches.map((batch) => [
    batch.id,
    batch.status,
    linesText(batch),
    formatTime(new Date(batch.created_at * 1000).toISOString()),
    Object.entries(batch.metadata)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
  ]);
  return table(['ID', 'STATUS', 'LINES', 'CREATED', 'LABELS'], rows);
}

/** `11 done, 1 failed of 12`. */
export function linesText({ request_counts: { total, completed, failed } }: Batch): string {
  return `${completed} done, ${failed} failed of ${total}`;
}

/** What there is to know, a line each. */
export function batchText(batch: Batch): string {
  const { estimate, errors } = batch;
  const faults = (errors?.data ?? []).map(
    ({ line, code, message }) => `  ${line === null ? 'the file' : `line ${line}`}: ${code}: ${message}`,
  );
  return [
    `batch ${batch.id} ${batch.status}: ${linesText(batch)}`,
    ...(estimate === null ? [] : [`  expected to cost ${formatUsd(estimate.usd_micros)}`]),
    ...faults,
    ...(batch.output_file_id === null ? [] : [`  output: ${batch.output_file_id}`]),
    ...(batch.error_file_id === null ? [] : [`  errors: ${batch.error_file_id}`]),
    `  trace: ${batch.trace_id}`,
  ].join('\n');
}

/** Looks every second and says what changed; stops early at Ctrl-C. The last state that was seen comes back. */
export async function followBatch(session: Session, start: Batch): Promise<Batch> {
  let batch = start;
  let told = '';
  while (!ends.includes(batch.status) && !session.interrupted.aborted) {
    const text = `${batch.status}: ${linesText(batch)}`;
    if (text !== told) session.note(text);
    told = text;
    await session.sleep(lookMs);
    batch = (await session.client.call('getBatch', { params: { id: batch.id } })).body;
  }
  return batch;
}

/** Of a command that followed a batch to its end. */
export function exitCodeOf({ status, request_counts: { failed } }: Batch): number {
  return status === 'completed' && failed === 0 ? exitCodes.ok : exitCodes.jobEnded;
}
