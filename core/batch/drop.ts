/**
 * A file of lines that was put into the store by its tenant's own means, under its tenant and a name. What comes of it is
 * told beside it: `NAME.output.jsonl`, `NAME.errors.jsonl`, and last of all `NAME.status.json`.
 */
import type { BatchResource } from '../api/batch-resource.ts';
import { presentBatch } from '../api/batch-resource.ts';
import { digest } from '../canonical.ts';
import type { RequestErrorCode } from '../errors.ts';
import { requestErrors } from '../errors.ts';
import type { BatchRecord } from './batch.ts';
import { lineRoutes } from './line-route.ts';

/** As files that are dropped end; what ends otherwise is none. */
export const dropSuffix = '.jsonl';

/** What a store's own tools show and take as it is: no control character, no folder that is another one's. */
const segmentForm = /^[\p{L}\p{M}\p{N} !$&'()*+,.:;=@_-]+$/u;
/** With tenant, prefix and the longest ending it stays far below the 1,024 bytes of S3's keys. */
const nameBytesMax = 700;

/** Whether a file of this name is taken; the rest are refused. */
export function isDropName(name: string): boolean {
  const segments = name.split('/');
  return (
    name.endsWith(dropSuffix) &&
    Buffer.byteLength(name) <= nameBytesMax &&
    segments.every((segment) => segmentForm.test(segment) && !/^\.+$/.test(segment))
  );
}

/** What each of the files beside a dropped one is called. */
export function besideDrop(name: string): {
  readonly output: string;
  readonly errors: string;
  readonly status: string;
} {
  // A name that cannot be taken is not made longer either.
  const stem = isDropName(name) ? name.slice(0, -dropSuffix.length) : `refused-${digest(name).slice(0, 16)}`;
  return { output: `${stem}.output.jsonl`, errors: `${stem}.errors.jsonl`, status: `${stem}.status.json` };
}

export interface DropFault {
  readonly code: RequestErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

export function dropFault(code: RequestErrorCode, message: string = requestErrors[code].text): DropFault {
  return { code, message, retryable: requestErrors[code].retryable };
}

/** What `NAME.status.json` holds. */
export interface DropStatus {
  readonly object: 'drop';
  readonly name: string;
  /** As the batch ended; `refused`: there is none. */
  readonly status: BatchRecord['status'] | 'refused';
  readonly error: DropFault | null;
  /** Names of the files beside it; null where there was nothing to put in. */
  readonly output: string | null;
  readonly errors: string | null;
  readonly batch: BatchResource | null;
}

export function refusedStatus(name: string, error: DropFault): DropStatus {
  return { object: 'drop', name, status: 'refused', error, output: null, errors: null, batch: null };
}

export function endedStatus(name: string, batch: BatchRecord): DropStatus {
  const beside = besideDrop(name);
  return {
    object: 'drop',
    name,
    status: batch.status,
    error: null,
    output: batch.outputFileId === null ? null : beside.output,
    errors: batch.errorFileId === null ? null : beside.errors,
    batch: presentBatch(batch),
  };
}

/** The url of a line if batches take it: the first one that a file has is its batch's. */
export function endpointOf({ url }: { readonly url?: unknown }): string | null {
  return typeof url === 'string' && Object.hasOwn(lineRoutes, url) ? url : null;
}
