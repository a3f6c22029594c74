/** One line of a batch file: the checks before and after it is parsed, in an order that makes each of them cheap. */
import { createHash } from 'node:crypto';
import type { batchLimits } from '../limits.ts';

export type JsonlLimits = { readonly [Name in keyof typeof batchLimits]: number };
export type JsonlObject = Readonly<Record<string, unknown>>;

/**
 * - `line_too_long`: longer than `batchLimits.lineBytesMax`, its line break not counted.
 * - `nul`: holds a zero byte, as UTF-16 and binary files do.
 * - `not_utf8`: holds bytes that are no UTF-8.
 * - `byte_order_mark`: one anywhere but at the start of the file, where one is passed over.
 * - `too_deep`: nested deeper than `batchLimits.lineDepthMax`.
 * - `too_many_values`: more members and elements than `batchLimits.lineValuesMax`, at whatever depth.
 * - `not_json`, `not_object`: what JSON says, and what a line must be.
 * - `forbidden_key`: a `__proto__` somewhere, which validators pass over in silence.
 * - `custom_id_missing`, `custom_id_invalid`, `custom_id_duplicate`: absent; no string of 1 to
 *   `batchLimits.customIdCharactersMax` characters without control characters; on an earlier line too.
 */
export type JsonlFaultCode =
  | 'line_too_long'
  | 'nul'
  | 'not_utf8'
  | 'byte_order_mark'
  | 'too_deep'
  | 'too_many_values'
  | 'not_json'
  | 'not_object'
  | 'forbidden_key'
  | 'custom_id_missing'
  | 'custom_id_invalid'
  | 'custom_id_duplicate';

export type JsonlLineRead =
  | { readonly kind: 'line'; readonly customId: string; readonly value: JsonlObject }
  | { readonly kind: 'fault'; readonly code: JsonlFaultCode; readonly detail: string }
  | { readonly kind: 'blank' };

export interface JsonlLineContext {
  readonly isFirst: boolean;
  /** Hashes of the ids of earlier lines, whose length a tenant does not choose; the line's own is added. */
  readonly customIds: Set<string>;
  readonly limits: JsonlLimits;
}

type Fault = Extract<JsonlLineRead, { kind: 'fault' }>;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const byteOrderMark = '\ufeff';

/** `bytes` without the line feed; a carriage return at the end is space, as JSON has it. Never throws. */
export function readJsonlLine(bytes: Uint8Array, context: JsonlLineContext): JsonlLineRead {
  const { isFirst, limits } = context;
  if (bytes.length > limits.lineBytesMax) {
    return fault('line_too_long', `longer than ${limits.lineBytesMax} bytes`);
  }
  if (bytes.includes(0)) return fault('nul', 'holds a zero byte');
  const decoded = decode(bytes);
  if (decoded === null) return fault('not_utf8', 'holds bytes that are no UTF-8');
  const text = isFirst && decoded.startsWith(byteOrderMark) ? decoded.slice(1) : decoded;
  if (text.startsWith(byteOrderMark)) return fault('byte_order_mark', 'begins with a byte order mark');
  if (/^[ \t\r]*$/.test(text)) return { kind: 'blank' };
  const refused = refusedShape(bytes, limits);
  if (refused !== null) return refused;
  const value = parse(text);
  if (value === undefined) return fault('not_json', 'is not valid JSON');
  if (!isObject(value)) return fault('not_object', 'must be an object');
  if (hasForbiddenKey(value)) return fault('forbidden_key', '`__proto__` is not a known field');
  return withCustomId(value, context);
}

function withCustomId(value: JsonlObject, { customIds, limits }: JsonlLineContext): JsonlLineRead {
  // biome-ignore lint/complexity/useLiteralKeys: an index signature
  const customId = value['custom_id'];
  if (customId === undefined) return fault('custom_id_missing', 'custom_id is missing');
  if (typeof customId !== 'string' || !isCustomId(customId, limits)) {
    const allowed = `1 to ${limits.customIdCharactersMax} characters, none of them a control character`;
    return fault('custom_id_invalid', `custom_id must be a string of ${allowed}`);
  }
  const hash = createHash('sha256').update(customId).digest('base64');
  if (customIds.has(hash)) return fault('custom_id_duplicate', 'custom_id is on an earlier line too');
  customIds.add(hash);
  return { kind: 'line', customId, value };
}

/** Half a surrogate pair has no UTF-8, so two such ids could become one where they are stored. */
function isCustomId(text: string, limits: JsonlLimits): boolean {
  const { length } = text;
  return length > 0 && length <= limits.customIdCharactersMax && text.isWellFormed() && !/\p{Cc}/u.test(text);
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Counts depth and values by the brackets, braces and commas outside strings; right for whatever is JSON. Before
 * parsing, so no parser sees a tower of brackets, nor a megabyte of `[],[],` that takes thirty times as much parsed.
 */
function refusedShape(bytes: Uint8Array, { lineDepthMax, lineValuesMax }: JsonlLimits): Fault | null {
  let depth = 0;
  let values = 1;
  let isInString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) isInString = !isInString;
    else if (isInString) at += byte === backslash ? 1 : 0;
    else if (byte === closeBracket || byte === closeBrace) depth -= 1;
    else if (byte === openBracket || byte === openBrace || byte === comma) {
      values += 1;
      depth += byte === comma ? 0 : 1;
      if (depth > lineDepthMax) return fault('too_deep', `nested deeper than ${lineDepthMax} levels`);
      if (values > lineValuesMax) return fault('too_many_values', `more than ${lineValuesMax} values`);
    }
  }
  return null;
}

/** The depth is bounded by now, so recursion is too. */
function hasForbiddenKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasForbiddenKey);
  return Object.entries(value).some(([name, member]) => name === '__proto__' || hasForbiddenKey(member));
}

function isObject(value: unknown): value is JsonlObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(code: JsonlFaultCode, detail: string): Fault {
  return { kind: 'fault', code, detail };
}
