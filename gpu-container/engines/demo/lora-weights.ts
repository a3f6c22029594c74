/**
 * Puts LoRAs into the weights of the demo model: W + weight * alpha / rank * up * down in place of W, for every layer
 * that one of them changes. The weights of a layer keep their type, so at weight 0 they are the same bytes.
 */
import { readAdapter } from '#core/adapter/check-file.ts';
import type { LoraLayer } from '#core/adapter/lora.ts';
import type { Tensor } from '#core/adapter/safetensors.ts';
import { EngineFault } from '../engine.ts';
import { fromBfloat16, fromHalf, toHalf } from './half.ts';
import type { OnnxWeight } from './onnx-weights.ts';
import { onnxWeights } from './onnx-weights.ts';

export interface LoraFile {
  readonly id: string;
  readonly body: Uint8Array;
  readonly weight: number;
}

/** Names in the file are those of the training network; large weights carry a suffix (`training/export.py`). */
const weightForm = /^denoiser\.(.+)\.weight(?:_half)?$/;

/** A copy of the network with the changes of all the files. Throws EngineFault `ADAPTER_INVALID` for one that does not fit. */
export function withLoras(network: Uint8Array, files: readonly LoraFile[]): Uint8Array {
  const changed = Uint8Array.from(network);
  const targets = targetsOf(network);
  // Added up before they are rounded to the type of the weights: each rounding would cost what the next one adds.
  const sums = new Map<OnnxWeight, Float64Array>();
  for (const file of files) addFile(sums, targets, file);
  for (const [weight, sum] of sums) addTo(changed, weight, sum);
  return changed;
}

type Targets = Readonly<Record<'dotted' | 'flat', ReadonlyMap<string, OnnxWeight>>>;

function targetsOf(network: Uint8Array): Targets {
  const named = [...onnxWeights(network)].flatMap(([name, weight]): [string, OnnxWeight][] => {
    const module = weightForm.exec(name)?.[1];
    // What has one side only is a norm's.
    return module === undefined || weight.dims.length < 2 ? [] : [[module, weight]];
  });
  const flat = named.map(([module, weight]) => [module.replaceAll('.', '_'), weight] as const);
  return { dotted: new Map(named), flat: new Map(flat) };
}

function addFile(
  sums: Map<OnnxWeight, Float64Array>,
  targets: Targets,
  { id, body, weight }: LoraFile,
): void {
  const read = readAdapter(body, body.byteLength);
  if (read.kind === 'refused') throw invalid(id, read.detail);
  for (const layer of read.layers) {
    const target = (layer.isFlat ? targets.flat : targets.dotted).get(layer.module);
    if (target === undefined) throw invalid(id, `the model has no layer ${layer.module} that can be changed`);
    const shape = [layer.up.shape[0], ...layer.down.shape.slice(1)];
    if (shape.join() !== target.dims.join()) {
      throw invalid(id, `${layer.module} is ${target.dims.join(' x ')} and not ${shape.join(' x ')}`);
    }
    const sum =
      sums.get(target) ?? new Float64Array(target.dims.reduce((product, side) => product * side, 1));
    sums.set(target, sum);
    addLayer(sum, body, layer, weight);
    if (!sum.every(Number.isFinite)) throw invalid(id, `${layer.module} holds values that are no numbers`);
  }
}

function addLayer(
  sum: Float64Array,
  body: Uint8Array,
  { down, up, alpha, rank }: LoraLayer,
  weight: number,
): void {
  const scale = (weight * (alpha === null ? rank : (valuesOf(body, alpha)[0] ?? rank))) / rank;
  const [downs, ups] = [valuesOf(body, down), valuesOf(body, up)];
  const width = downs.length / rank;
  for (let row = 0; row < ups.length / rank; row += 1) {
    for (let inner = 0; inner < rank; inner += 1) {
      const factor = scale * (ups[row * rank + inner] ?? 0);
      for (let column = 0; column < width; column += 1) {
        const at = row * width + column;
        sum[at] = (sum[at] ?? 0) + factor * (downs[inner * width + column] ?? 0);
      }
    }
  }
}

function valuesOf(body: Uint8Array, { dtype, start, end }: Tensor): Float64Array {
  const view = new DataView(body.buffer, body.byteOffset + start, end - start);
  if (dtype === 'F32') {
    return Float64Array.from({ length: (end - start) / 4 }, (_, index) => view.getFloat32(4 * index, true));
  }
  const from = dtype === 'F16' ? fromHalf : fromBfloat16;
  return Float64Array.from({ length: (end - start) / 2 }, (_, index) =>
    from(view.getUint16(2 * index, true)),
  );
}

function addTo(network: Uint8Array, { type, start, bytes }: OnnxWeight, sum: Float64Array): void {
  const view = new DataView(network.buffer, network.byteOffset + start, bytes);
  // Counted, because an iterator over a million of them takes a second.
  for (let index = 0; index < sum.length; index += 1) {
    const change = sum[index] ?? 0;
    if (change === 0) continue;
    if (type === 'f32') view.setFloat32(4 * index, view.getFloat32(4 * index, true) + change, true);
    else view.setUint16(2 * index, toHalf(fromHalf(view.getUint16(2 * index, true)) + change), true);
  }
}

function invalid(id: string, problem: string): EngineFault {
  return new EngineFault('ADAPTER_INVALID', `the adapter ${id} does not fit: ${problem}`);
}
