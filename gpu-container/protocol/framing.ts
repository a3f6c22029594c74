/**
 * Frames: UTF-8 JSON objects, one a line, each at most `protocolLimits.frameBytesMax` bytes without its newline.
 * A stream that broke these rules once is never read again: after a fault nobody can tell where the next frame
 * starts, or whether it answers what was asked.
 */

import type { z } from 'zod';
import { protocolLimits } from '#core/limits.ts';

/** `oversize`: no newline within the limit. `broken`: not UTF-8 JSON. `unknown`: not a message of this protocol. */
export type FrameFault = { readonly kind: 'oversize' | 'broken' | 'unknown'; readonly detail: string };

/** What bytes turned out to be: a message, or the fault that ends the stream. */
export type Frame<T> =
  | { readonly kind: 'message'; readonly message: T }
  | { readonly kind: 'fault'; readonly fault: FrameFault };

/** Takes bytes as they arrive, however they are split, and returns the frames that they complete. Never throws. */
export type FrameReader<T> = (chunk: Uint8Array) => Frame<T>[];

const newline = 0x0a;

/** The bytes of one message. Throws when it passes the limit: the sender must know that nobody would read it. */
export function encodeFrame(message: object, bytesMax: number = protocolLimits.frameBytesMax): Buffer {
  const frame = Buffer.from(`${JSON.stringify(message)}\n`);
  if (frame.byteLength - 1 > bytesMax) {
    throw new RangeError(`a frame of ${frame.byteLength - 1} bytes passes the limit of ${bytesMax}`);
  }
  return frame;
}

/** A reader for one stream. After its first fault it returns nothing more. */
export function createFrameReader<T>(
  schema: z.ZodType<T>,
  bytesMax: number = protocolLimits.frameBytesMax,
): FrameReader<T> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let isBroken = false;

  function takeLine(rest: Uint8Array): Uint8Array {
    const line = pending.length === 0 ? rest : Buffer.concat([...pending, rest]);
    pending = [];
    pendingBytes = 0;
    return line;
  }

  return (chunk) => {
    const frames: Frame<T>[] = [];
    let start = 0;
    while (!isBroken && start < chunk.byteLength) {
      const found = chunk.indexOf(newline, start);
      const end = found === -1 ? chunk.byteLength : found;
      const part = chunk.subarray(start, end);
      if (pendingBytes + part.byteLength > bytesMax) {
        frames.push(fault('oversize', `a frame passes the limit of ${bytesMax} bytes`));
      } else if (found === -1) {
        // A copy, because the stream may reuse the memory behind the chunk, and `Buffer.slice` would only be a view.
        pending.push(new Uint8Array(part));
        pendingBytes += part.byteLength;
      } else {
        frames.push(parseLine(takeLine(part), schema));
      }
      isBroken = frames.at(-1)?.kind === 'fault';
      start = end + 1;
    }
    return frames;
  };
}

function parseLine<T>(line: Uint8Array, schema: z.ZodType<T>): Frame<T> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
  } catch (err) {
    return fault('broken', err instanceof Error ? err.name : 'not JSON');
  }
  return parseMessage(value, schema);
}

function parseMessage<T>(value: unknown, schema: z.ZodType<T>): Frame<T> {
  try {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { kind: 'message', message: parsed.data };
    // Paths and rules only: the values may be a tenant's prompt.
    const [issue] = parsed.error.issues;
    return fault('unknown', `${issue?.code ?? 'invalid'} at ${issue?.path.join('.') || 'the frame'}`);
  } catch (err) {
    // A value nested past the stack cannot be validated.
    return fault('unknown', err instanceof Error ? err.name : 'not valid');
  }
}

function fault(kind: FrameFault['kind'], detail: string): { kind: 'fault'; fault: FrameFault } {
  return { kind: 'fault', fault: { kind, detail } };
}
