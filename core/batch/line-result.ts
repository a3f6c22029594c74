/**
 * Lines of the files that a batch leaves, in the form of OpenAI's: an answer, or an error with the number of the line in the
 * batch's file; and the files in which they are put down until the batch has ended.
 *
 * Those form a chain: the first line of each names the one before, and the batch's record names the last. So a record stays
 * small however many there are, and a file that no record came to name is as if it had never been written.
 */
import { derivedJobId } from '../canonical.ts';
import type { LineFault } from './batch-line.ts';

export interface LineResult {
  readonly number: number;
  /** Which of the two files it goes to. */
  readonly kind: 'output' | 'error';
  /** JSON, without a line break. */
  readonly text: string;
}

export interface ResultOf {
  readonly tenantId: string;
  readonly batchId: string;
  readonly number: number;
  readonly customId: string | null;
}

/**
 * The job of a line, whoever asks for it and however often. The NUL keeps it apart from every Idempotency-Key that a
 * request can carry.
 */
export function lineKeyOf(batchId: string, number: number): string {
  return `batch\0${batchId}\0${number}`;
}

export function lineJobId({ tenantId, batchId, number }: Omit<ResultOf, 'customId'>): string {
  return derivedJobId(tenantId, lineKeyOf(batchId, number));
}

export function outputLine(of: ResultOf, body: unknown): LineResult {
  const requestId = lineJobId(of);
  const response = { status_code: 200, request_id: requestId, body };
  return resultOf(of, 'output', { response, error: null });
}

export function errorLine(of: ResultOf, { code, message, param, details }: LineFault): LineResult {
  const more = details.length > 1 ? { details } : {};
  return resultOf(of, 'error', { response: null, error: { code, message, param, line: of.number, ...more } });
}

function resultOf(of: ResultOf, kind: LineResult['kind'], came: object): LineResult {
  const id = `batch_req_${lineJobId(of).slice('job_'.length)}`;
  return { number: of.number, kind, text: JSON.stringify({ id, custom_id: of.customId, ...came }) };
}

/** A file of the chain: who was before, then the lines by number. */
export function linkOf(before: string | null, results: readonly LineResult[]): Uint8Array {
  const sorted = results.toSorted((left, right) => left.number - right.number);
  const lines = [JSON.stringify({ before }), ...sorted.map(({ text }) => text)];
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** Reads {@link linkOf} back: the name of the one before, and the lines as they are. */
export function readLink(link: Uint8Array): { readonly before: string | null; readonly lines: Uint8Array } {
  const end = link.indexOf(0x0a);
  const head: unknown = JSON.parse(Buffer.from(link.subarray(0, end)).toString());
  const before = typeof head === 'object' && head !== null && 'before' in head ? head.before : undefined;
  if (before !== null && typeof before !== 'string')
    throw new Error('a file of results names none before it');
  return { before, lines: link.subarray(end + 1) };
}
