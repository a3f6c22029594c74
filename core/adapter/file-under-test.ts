/** For tests: safetensors files as trainers write them, and as nobody should. */
import type { Dtype } from './safetensors.ts';

export interface TensorUnderTest {
  readonly dtype?: Dtype;
  readonly shape: readonly number[];
}

const dtypeBytes: Partial<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2, U8: 1, I64: 8 };

/** A well-formed file of these tensors, in order, all of zeros. */
export function safetensorsFile(
  tensors: Readonly<Record<string, TensorUnderTest>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, { dtype = 'F16', shape }]) => {
    const start = at;
    at += shape.reduce((product, side) => product * side, 1) * (dtypeBytes[dtype] ?? 1);
    return [name, { dtype, shape, data_offsets: [start, at] }] as const;
  });
  const head = metadata === undefined ? {} : { __metadata__: metadata };
  return fileOf(JSON.stringify({ ...head, ...Object.fromEntries(entries) }), new Uint8Array(at));
}

/** A file with this text where its header stands. */
export function fileOf(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.byteLength));
  return new Uint8Array(Buffer.concat([length, json, data]));
}

/** A LoRA of one linear layer of 6 to 5. */
export function loraFile(rank = 2, module = 'blocks.0.to_q'): Uint8Array {
  return safetensorsFile({
    [`${module}.lora_A.weight`]: { shape: [rank, 6] },
    [`${module}.lora_B.weight`]: { shape: [5, rank] },
  });
}
