/**
 * Reads the header of a safetensors file (github.com/safetensors/safetensors, "Format"): eight bytes with the length of
 * a JSON object, the object, then the bytes of the tensors. Nothing of a tensor is read. What two readers could take
 * for two different things is refused: names that come twice, bytes that belong to two tensors or to none.
 */
import * as z from 'zod';
import { adapterLimits } from '../limits.ts';
import type { AdapterRefusal } from './refusal.ts';
import { adapterRefusal } from './refusal.ts';

/** Bits of one element. */
const dtypeBits = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type Dtype = keyof typeof dtypeBits;

export interface Tensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Of its first byte, and of the byte after its last, in the file. */
  readonly start: number;
  readonly end: number;
}

export type SafetensorsRead =
  | { readonly kind: 'header'; readonly tensors: readonly Tensor[] }
  | AdapterRefusal;

const lengthBytes = 8;
/** As much of a file's beginning as {@link readSafetensors} may need. */
export const headBytesMax = lengthBytes + adapterLimits.headerBytesMax;

const wholeSchema = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(dtypeBits) as [Dtype, ...Dtype[]]),
  shape: z.array(wholeSchema).max(adapterLimits.dimensionsMax),
  data_offsets: z.tuple([wholeSchema, wholeSchema]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * @param head the file's first {@link headBytesMax} bytes, or all of a shorter one
 * @param fileBytes length of the whole file
 */
export function readSafetensors(head: Uint8Array, fileBytes: number): SafetensorsRead {
  if (isPickle(head)) return adapterRefusal('pickle');
  if (head.byteLength < lengthBytes) return adapterRefusal('not_safetensors', 'it is too short');
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > fileBytes - lengthBytes) {
    return adapterRefusal('not_safetensors', 'its header is longer than the file');
  }
  if (length > adapterLimits.headerBytesMax) return adapterRefusal('header_too_large');
  const dataStart = lengthBytes + Number(length);
  const entries = entriesOf(head.subarray(lengthBytes, dataStart));
  if ('kind' in entries) return entries;
  return tensorsOf(entries, dataStart, fileBytes);
}

/**
 * A zip as torch.save writes it, or a bare pickle of protocol 2 to 5. Either runs code when it is loaded. A header of 640
 * bytes, or of 19,280, begins with the same two bytes as its length: it is told by its brace.
 */
function isPickle(head: Uint8Array): boolean {
  const [first = 0, second = 0] = head;
  if (head[lengthBytes] === 0x7b) return false;
  return (first === 0x50 && second === 0x4b) || (first === 0x80 && second >= 2 && second <= 5);
}

function entriesOf(json: Uint8Array): AdapterRefusal | [string, unknown][] {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json);
    parsed = JSON.parse(text);
  } catch {
    // Neither says more than where; the owner needs to know what.
    return adapterRefusal('not_safetensors', 'its header is no JSON');
  }
  if (!text.startsWith('{') || typeof parsed !== 'object' || parsed === null) {
    return adapterRefusal('not_safetensors', 'its header is no JSON object');
  }
  if (hasKeyTwice(text)) return adapterRefusal('malformed', 'a name comes twice in its header');
  return Object.entries(parsed);
}

/** Of text that is JSON: whether any object in it names a member twice. JSON.parse keeps the last of them in silence. */
function hasKeyTwice(text: string): boolean {
  const open: (Set<string> | null)[] = [];
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) {
      // Escapes make two spellings of one name.
      const key = String(JSON.parse(token.slice(0, -colon.length)));
      const names = open.at(-1);
      if (names?.has(key)) return true;
      names?.add(key);
    }
  }
  return false;
}

function tensorsOf(
  entries: readonly [string, unknown][],
  dataStart: number,
  fileBytes: number,
): SafetensorsRead {
  const tensors: Tensor[] = [];
  for (const [name, entry] of entries) {
    if (name === '__metadata__') {
      if (metadataSchema.safeParse(entry).success) continue;
      return adapterRefusal('malformed', '__metadata__ holds more than texts');
    }
    if (tensors.length >= adapterLimits.tensorsMax) return adapterRefusal('too_many_tensors');
    const parsed = entrySchema.safeParse(entry);
    if (!parsed.success) return adapterRefusal('malformed', `${shown(name)} is no entry of a tensor`);
    const { dtype, shape, data_offsets: offsets } = parsed.data;
    const bytes = (elementsOf(shape) * dtypeBits[dtype]) / 8;
    if (offsets[1] - offsets[0] !== bytes) {
      return adapterRefusal('malformed', `${shown(name)} has other bytes than its shape and type take`);
    }
    tensors.push({ name, dtype, shape, start: dataStart + offsets[0], end: dataStart + offsets[1] });
  }
  return coverOf(tensors, dataStart, fileBytes);
}

/** Infinite rather than inexact: past 2^53 no file has so many. */
function elementsOf(shape: readonly number[]): number {
  const product = shape.reduce((total, side) => total * side, 1);
  return Number.isSafeInteger(product) ? product : Number.POSITIVE_INFINITY;
}

/** Every byte after the header belongs to exactly one tensor. */
function coverOf(tensors: readonly Tensor[], dataStart: number, fileBytes: number): SafetensorsRead {
  const inOrder = tensors.toSorted((left, right) => left.start - right.start || left.end - right.end);
  let at = dataStart;
  for (const { name, start, end } of inOrder) {
    if (start !== at) {
      const what = start < at ? 'shares bytes with another tensor' : 'leaves a gap before it';
      return adapterRefusal('malformed', `${shown(name)} ${what}`);
    }
    at = end;
  }
  if (at !== fileBytes) return adapterRefusal('malformed', `it has ${fileBytes} bytes and names ${at}`);
  return { kind: 'header', tensors: inOrder };
}

/** A name as it may stand in a message: what its owner wrote, cut and without control characters. */
export function shown(name: string): string {
  const cut = name.slice(0, adapterLimits.nameShownMax).replace(/[^\x20-\x7e]/g, '?');
  return `"${cut}${name.length > adapterLimits.nameShownMax ? '...' : ''}"`;
}
