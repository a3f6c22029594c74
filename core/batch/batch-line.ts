/** A line of a batch file as a request: what the reader of lines lets through is held to the batch and to its url. */
import * as z from 'zod';
import type { ErrorDetail } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { apiLimits } from '../limits.ts';
import type { JsonlEntry } from './jsonl.ts';
import type { LineSubmission } from './line-route.ts';
import { lineRouteOf } from './line-route.ts';

/** What is wrong with a line: a code, a sentence, the first field at fault. */
export interface LineFault {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** Every field at fault, where there may be several. */
  readonly details: readonly ErrorDetail[];
}

export type BatchLine =
  | { readonly kind: 'line'; readonly customId: string; readonly submission: LineSubmission }
  /** `customId`: null where the line has none that could be told back. */
  | { readonly kind: 'fault'; readonly customId: string | null; readonly fault: LineFault };

const lineSchema = z.strictObject({
  custom_id: z.string(),
  method: z.literal('POST'),
  url: z.string(),
  body: z.record(z.string(), z.unknown()),
});

/** Names that mean something to every object of the language: a request by itself may not have them either. */
const refusedNames: ReadonlySet<string> = new Set(['constructor', 'prototype']);

/**
 * Never throws. Codes beside those of the reader: `invalid_line` (a field is missing, unknown or of the wrong type),
 * `invalid_url` (not the batch's endpoint), `payload_too_large`, `invalid_request` (the body, by field).
 * @param endpoint the one url that lines of this batch have
 */
export function readBatchLine(
  entry: Extract<JsonlEntry, { kind: 'line' | 'fault' }>,
  endpoint: string,
): BatchLine {
  if (entry.kind === 'fault') return faultOf(null, entry.code, entry.detail);
  const { customId, value } = entry;
  const unsafe = unsafeIn(value);
  if (unsafe !== null) return faultOf(customId, 'invalid_line', unsafe.message, [unsafe]);
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success)
    return faultOf(customId, 'invalid_line', 'The line is not valid.', faultsOf(parsed.error));
  const { url, body } = parsed.data;
  const route = lineRouteOf(url);
  if (url !== endpoint || route === null) {
    const message = `must be ${endpoint}, the endpoint of the batch`;
    return faultOf(customId, 'invalid_url', `The url of the line ${message}.`, [{ path: 'url', message }]);
  }
  if (Buffer.byteLength(JSON.stringify(body)) > apiLimits.bodyBytesMax) {
    const message = `The body is larger than ${apiLimits.bodyBytesMax / 1024} KiB.`;
    return faultOf(customId, 'payload_too_large', message, [{ path: 'body', message }]);
  }
  const read = route.toSubmission(body);
  if (read.kind === 'invalid')
    return faultOf(customId, 'invalid_request', 'The request is not valid.', inBody(read.details));
  return { kind: 'line', customId, submission: read.submission };
}

/** A fault of a request in a line: its fields lie in the line's body. */
export function requestFault(code: string, message: string, details: readonly ErrorDetail[] = []): LineFault {
  const within = inBody(details);
  return { code, message, param: within[0]?.path ?? null, details: within };
}

function inBody(details: readonly ErrorDetail[]): ErrorDetail[] {
  return details.map((each) => ({ ...each, path: each.path === '' ? 'body' : `body.${each.path}` }));
}

function faultOf(
  customId: string | null,
  code: string,
  message: string,
  details: readonly ErrorDetail[] = [],
): BatchLine {
  return { kind: 'fault', customId, fault: { code, message, param: details[0]?.path ?? null, details } };
}

/** As bodies of requests are held to it. The reader has bounded the depth, so recursion is bounded too. */
function unsafeIn(value: unknown, path = ''): ErrorDetail | null {
  if (typeof value === 'string' && !value.isWellFormed())
    return { path, message: 'must not hold half of a surrogate pair' };
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, member] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (!name.isWellFormed()) return { path, message: 'has a name with half of a surrogate pair' };
    if (refusedNames.has(name)) return { path: at, message: 'is not a known field' };
    const within = unsafeIn(member, at);
    if (within !== null) return within;
  }
  return null;
}
