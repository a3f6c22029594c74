/** Jobs as a person reads them. */
import type { Job } from '#client/schema.ts';
import { exitCodes } from './cli-error.ts';
import { formatBytes, formatMs, formatTime, formatUsd } from './format.ts';
import { phaseOf } from './progress.ts';
import { fields, table } from './table.ts';
import { phaseText, startText } from './wait-view.ts';

const terminalStatuses: ReadonlySet<Job['status']> = new Set(['succeeded', 'failed', 'canceled', 'expired']);

export function isTerminal({ status }: Pick<Job, 'status'>): boolean {
  return terminalStatuses.has(status);
}

/** 0 only for success. */
export function exitCodeOf({ status }: Pick<Job, 'status'>): number {
  return status === 'succeeded' ? exitCodes.ok : exitCodes.jobEnded;
}

export function jobTable(jobs: readonly Job[]): string {
  const rows = jobs.map((job) => [
    job.id,
    job.status,
    job.model,
    job.class,
    formatTime(job.created_at),
    job.cost === null ? '-' : formatUsd(job.cost.usd_micros),
  ]);
  return table(['ID', 'STATUS', 'MODEL', 'CLASS', 'CREATED', 'COST'], rows);
}

/** `nowMs` is the reader's time: what the time of a start is counted from. */
export function jobDetails(job: Job, nowMs: number): string {
  return fields([
    ['id', job.id],
    ['status', isTerminal(job) ? job.status : phaseOf(job)],
    ['start', job.wait && startText(job.wait, nowMs)],
    ['worker', job.wait && phaseText(job.wait)],
    ['error', errorText(job)],
    ['model', `${job.model} (${job.model_revision})`],
    ['class', job.class],
    ['input', JSON.stringify(job.input)],
    ['flags', job.flags.length === 0 ? null : job.flags.join(', ')],
    ['metadata', Object.keys(job.metadata).length === 0 ? null : JSON.stringify(job.metadata)],
    ['attempts', String(job.attempts)],
    ['trace', job.trace_id],
    ['retry of', job.retry_of],
    ['created', formatTime(job.created_at)],
    ['started', job.started_at && formatTime(job.started_at)],
    ['finished', job.finished_at && formatTime(job.finished_at)],
    ...outputFields(job),
    ...runFields(job),
  ]);
}

/** What a finished run cost and how to repeat it. */
export function runFields({ receipt, cost, timings }: Job): [string, string | null][] {
  return [
    ['seeds', receipt && receipt.seeds.length > 0 ? receipt.seeds.join(', ') : null],
    ['engine', receipt && `${receipt.engine}, batch of ${receipt.batch_size}`],
    ['cache', receipt?.cached_from ? `hit: made by ${receipt.cached_from}` : null],
    ['cost', cost && formatUsd(cost.usd_micros)],
    ['time', timings && timingsText(timings)],
  ];
}

export function errorText({ error }: Job): string | null {
  return error && `${error.message} (${error.code})${error.retryable ? ' Trying again may help.' : ''}`;
}

/** The words of the prompt that the model left out, or null. */
export function unknownWordsWarning({ receipt }: Job): string | null {
  if (receipt === null || receipt.unknown_words.length === 0) return null;
  const words = receipt.unknown_words.map((word) => `"${word}"`).join(', ');
  return `warning: the model does not know ${words} and left it out of the prompt`;
}

export function outputText(output: Job['output'][number]): string {
  const size = output.width && output.height ? `${output.width}x${output.height}, ` : '';
  return `${size}${output.content_type}, ${formatBytes(output.bytes)}`;
}

function outputFields({ output }: Job): [string, string][] {
  return output.map((each, index) => [`output ${index}`, outputText(each)]);
}

function timingsText(timings: NonNullable<Job['timings']>): string {
  const { queued_ms, load_ms, run_ms, upload_ms } = timings;
  const parts = { waited: queued_ms, loaded: load_ms, ran: run_ms, uploaded: upload_ms };
  return Object.entries(parts)
    .map(([name, ms]) => `${name} ${formatMs(ms)}`)
    .join(', ');
}
