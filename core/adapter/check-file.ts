/**
 * Checks the file of an adapter as it comes by, piece by piece: its length, its SHA-256, and by its header that it is a
 * LoRA. Keeps the header alone, so a file of any length costs `headBytesMax`.
 */
import { createHash } from 'node:crypto';
import type { LoraLayer } from './lora.ts';
import { readLora } from './lora.ts';
import type { AdapterRefusal } from './refusal.ts';
import { adapterRefusal } from './refusal.ts';
import { headBytesMax, readSafetensors } from './safetensors.ts';

export interface ExpectedFile {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface CheckedFile {
  readonly kind: 'lora';
  readonly rankMax: number;
  readonly layers: number;
}

export interface FileCheck {
  /** Takes the next piece. False once the file is longer than it should be: the rest need not be read. */
  push(piece: Uint8Array): boolean;
  /** After the last piece. */
  verdict(): CheckedFile | AdapterRefusal;
}

export function startFileCheck(expected: ExpectedFile): FileCheck {
  const hash = createHash('sha256');
  const head = new Uint8Array(Math.min(expected.bytes, headBytesMax));
  let bytes = 0;
  return {
    push(piece) {
      if (bytes < head.byteLength) head.set(piece.subarray(0, head.byteLength - bytes), bytes);
      bytes += piece.byteLength;
      if (bytes > expected.bytes) return false;
      hash.update(piece);
      return true;
    },
    verdict() {
      if (bytes !== expected.bytes) {
        const found = bytes < expected.bytes ? `${bytes}` : `more than ${expected.bytes}`;
        return adapterRefusal('bytes_differ', `${found}, not ${expected.bytes}`);
      }
      if (hash.digest('hex') !== expected.sha256) return adapterRefusal('sha256_differs');
      return checkHead(head, bytes);
    },
  };
}

function checkHead(head: Uint8Array, bytes: number): CheckedFile | AdapterRefusal {
  const layers = readAdapter(head, bytes);
  if (layers.kind === 'refused') return layers;
  return {
    kind: 'lora',
    rankMax: Math.max(...layers.layers.map(({ rank }) => rank)),
    layers: layers.layers.length,
  };
}

/** The layers of a LoRA by the beginning of its file. */
export function readAdapter(
  head: Uint8Array,
  fileBytes: number,
): { readonly kind: 'lora'; readonly layers: readonly LoraLayer[] } | AdapterRefusal {
  const header = readSafetensors(head, fileBytes);
  return header.kind === 'header' ? readLora(header.tensors) : header;
}
