/**
 * Reads a batch file as it arrives: bytes in, lines out, each with its number and its place in the file. A bad line is
 * told and passed over; a file that breaks a bound of the whole is refused at the line that breaks it. Memory is one
 * line and one hash for each line so far, whatever the file holds and however it is cut into chunks.
 */
import { batchLimits } from '../limits.ts';
import { type JsonlFaultCode, type JsonlLimits, type JsonlObject, readJsonlLine } from './jsonl-line.ts';

export type JsonlEntry =
  /** `customId` is not empty and was on no line before. */
  | (JsonlPlace & { readonly kind: 'line'; readonly customId: string; readonly value: JsonlObject })
  /** This line is none; those after it are read. */
  | (JsonlPlace & { readonly kind: 'fault'; readonly code: JsonlFaultCode; readonly detail: string })
  /** The last entry: nothing after it is read. */
  | (JsonlPlace & { readonly kind: 'refused'; readonly code: JsonlRefusal; readonly detail: string });

/** Of a whole file. `too_many_lines` counts blank ones too, so that a file of line breaks ends as well. */
export type JsonlRefusal = 'too_many_lines' | 'file_too_large' | 'empty';

export interface JsonlPlace {
  /** From 1. */
  readonly number: number;
  /** Of the line's first byte, from the file's first. */
  readonly byteOffset: number;
}

export interface JsonlReader {
  /** The entries that this chunk completes, in the file's order. The chunk may be used again afterwards. */
  push(chunk: Uint8Array): readonly JsonlEntry[];
  /** Ends the file, whose last line needs no line break. */
  end(): readonly JsonlEntry[];
  /** Where the line begins that no entry has told of yet: a reader that goes on from here tells the rest. */
  place(): JsonlPlace;
}

interface Reading {
  readonly limits: JsonlLimits;
  /** The line so far, at most a byte more than a line may have; `heldBytes` of it are in use. */
  held: Uint8Array;
  heldBytes: number;
  number: number;
  byteOffset: number;
  fileBytes: number;
  contentLines: number;
  customIds: Set<string>;
  isOver: boolean;
}

const lineFeed = 0x0a;
const heldBytesAtFirst = 4_096;

const beginning: JsonlPlace = { number: 1, byteOffset: 0 };

/**
 * Never throws, whatever the bytes. Blank lines are counted and passed over; see {@link readJsonlLine} for the rest. A plan may
 * allow fewer lines than the product.
 * @param from where an earlier reader stood; its bytes are pushed from there on. Ids of lines before it are not known, and a
 * rest without a line is not `empty`
 */
export function createJsonlReader(
  limits: JsonlLimits = batchLimits,
  from: JsonlPlace = beginning,
): JsonlReader {
  const reading: Reading = {
    limits,
    held: new Uint8Array(heldBytesAtFirst),
    heldBytes: 0,
    number: from.number,
    byteOffset: from.byteOffset,
    fileBytes: from.byteOffset,
    contentLines: from.number - 1,
    customIds: new Set(),
    isOver: false,
  };
  return {
    push: (chunk) => push(reading, chunk),
    end: () => end(reading),
    place: () => ({ number: reading.number, byteOffset: reading.byteOffset }),
  };
}

function push(reading: Reading, chunk: Uint8Array): readonly JsonlEntry[] {
  const entries: JsonlEntry[] = [];
  for (let at = 0; at < chunk.length && !reading.isOver; ) {
    if (reading.heldBytes === 0 && reading.number > reading.limits.linesMax) {
      entries.push(refuse(reading, 'too_many_lines', `more than ${reading.limits.linesMax} lines`));
      break;
    }
    const found = chunk.indexOf(lineFeed, at);
    // Bytes past the file's bound are looked at by nobody, so that where chunks end does not matter.
    const end = Math.min(
      found === -1 ? chunk.length : found,
      at + reading.limits.fileBytesMax - reading.fileBytes,
    );
    const isWhole = found === end;
    hold(reading, chunk.subarray(at, end));
    reading.fileBytes += end - at;
    at = end;
    if (reading.fileBytes === reading.limits.fileBytesMax && at < chunk.length) {
      entries.push(refuse(reading, 'file_too_large', `more than ${reading.limits.fileBytesMax} bytes`));
    } else if (isWhole) {
      entries.push(...endLine(reading));
      reading.fileBytes += 1;
      reading.byteOffset = reading.fileBytes;
      reading.number += 1;
      at += 1;
    }
  }
  return entries;
}

function end(reading: Reading): readonly JsonlEntry[] {
  if (reading.isOver) return [];
  const entries = reading.heldBytes === 0 ? [] : endLine(reading);
  if (reading.contentLines === 0) return [...entries, refuse(reading, 'empty', 'no line holds anything')];
  reading.isOver = true;
  return entries;
}

function refuse(reading: Reading, code: JsonlRefusal, detail: string): JsonlEntry {
  reading.isOver = true;
  const { number, byteOffset } = reading;
  return { kind: 'refused', number, byteOffset, code, detail };
}

/** Keeps one byte more than a line may have: enough to know that it is too long. */
function hold(reading: Reading, bytes: Uint8Array): void {
  const kept = bytes.subarray(0, Math.max(0, reading.limits.lineBytesMax + 1 - reading.heldBytes));
  const needed = reading.heldBytes + kept.length;
  if (needed > reading.held.length) {
    const larger = new Uint8Array(Math.max(needed, 2 * reading.held.length));
    larger.set(reading.held.subarray(0, reading.heldBytes));
    reading.held = larger;
  }
  reading.held.set(kept, reading.heldBytes);
  reading.heldBytes = needed;
}

function endLine(reading: Reading): readonly JsonlEntry[] {
  const { number, byteOffset, customIds, limits } = reading;
  const bytes = reading.held.subarray(0, reading.heldBytes);
  const read = readJsonlLine(bytes, { isFirst: number === 1, customIds, limits });
  reading.heldBytes = 0;
  if (read.kind === 'blank') return [];
  reading.contentLines += 1;
  return [{ ...read, number, byteOffset }];
}
