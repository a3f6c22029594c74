/**
 * Where the weights of an ONNX file lie in it, so that they can be changed in place. ONNX is protobuf; of `onnx.proto3`
 * this reads ModelProto.graph (7), GraphProto.initializer (5) and of TensorProto dims (1), data_type (2), name (8) and
 * raw_data (9). Made for files of our own, whose hashes were checked: any other is an Error.
 */

export interface OnnxWeight {
  readonly dims: readonly number[];
  readonly type: 'f32' | 'f16';
  /** Of its first byte in the file. */
  readonly start: number;
  readonly bytes: number;
}

const graphField = 7;
const initializerField = 5;
const dimsField = 1;
const typeField = 2;
const nameField = 8;
const rawDataField = 9;
const types: Readonly<Record<number, OnnxWeight['type']>> = { 1: 'f32', 10: 'f16' };

/** Every weight with raw data of single or half precision, by name. */
export function onnxWeights(file: Uint8Array): ReadonlyMap<string, OnnxWeight> {
  const weights = new Map<string, OnnxWeight>();
  const whole = { start: 0, end: file.byteLength };
  for (const graph of fieldsOf(file, whole)) {
    if (graph.field !== graphField) continue;
    for (const tensor of fieldsOf(file, graph)) {
      if (tensor.field !== initializerField) continue;
      const named = weightOf(file, tensor);
      if (named !== null) weights.set(...named);
    }
  }
  return weights;
}

function weightOf(file: Uint8Array, tensor: Range): [string, OnnxWeight] | null {
  const dims: number[] = [];
  let name = '';
  let type: OnnxWeight['type'] | undefined;
  let data: Range | null = null;
  for (const part of fieldsOf(file, tensor)) {
    if (part.field === dimsField) dims.push(...(part.value === null ? packed(file, part) : [part.value]));
    else if (part.field === typeField) type = types[part.value ?? 0];
    else if (part.field === nameField) name = Buffer.from(file.subarray(part.start, part.end)).toString();
    else if (part.field === rawDataField) data = part;
  }
  if (type === undefined || data === null) return null;
  return [name, { dims, type, start: data.start, bytes: data.end - data.start }];
}

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Field extends Range {
  readonly field: number;
  /** Of a number; null where the range holds a text, bytes or a message. */
  readonly value: number | null;
}

/** Lengths of the wire types that have one: 64 and 32 bits. */
const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

function* fieldsOf(file: Uint8Array, { start, end }: Range): Generator<Field> {
  let at = start;
  while (at < end) {
    const key = numberAt(file, at);
    const [field, wire] = [key.value >> 3, key.value & 7];
    if (wire === 0) {
      const { value, next } = numberAt(file, key.next);
      at = next;
      yield { field, value, start: key.next, end: next };
      continue;
    }
    const length = wire === 2 ? numberAt(file, key.next) : { value: fixedBytes[wire], next: key.next };
    if (length.value === undefined || length.next + length.value > end)
      throw new Error('this is no ONNX file');
    at = length.next + length.value;
    yield { field, value: null, start: length.next, end: at };
  }
}

function packed(file: Uint8Array, { start, end }: Range): number[] {
  const values: number[] = [];
  for (let at = start; at < end; ) {
    const { value, next } = numberAt(file, at);
    values.push(value);
    at = next;
  }
  return values;
}

/** Seven bits a byte, the lowest first. Numbers past 2^53, such as -1, come out inexact; none that counts here is one. */
function numberAt(file: Uint8Array, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start; at < start + 10; at += 1) {
    const byte = file[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, next: at + 1 };
  }
  throw new Error('this is no ONNX file');
}
