import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loraFile, safetensorsFile } from '#core/adapter/file-under-test.ts';
import { fromHalf } from './half.ts';
import type { LoraFile } from './lora-weights.ts';
import { withLoras } from './lora-weights.ts';
import type { OnnxWeight } from './onnx-weights.ts';
import { onnxWeights } from './onnx-weights.ts';
import { shapesModelDirectory } from './shapes-vocabulary.ts';

let network: Uint8Array;
let pastel: Uint8Array;

beforeAll(async () => {
  network = await readFile(join(shapesModelDirectory, 'denoiser.onnx'));
  pastel = await readFile(join(shapesModelDirectory, 'adapters', 'pastel.safetensors'));
});

const file = (body: Uint8Array, weight = 1): LoraFile => ({ id: 'adapter_1', body, weight });

/** A LoRA of rank 1 for `denoiser.prompt`, 160 x 160, of these halves everywhere. */
function uniform({ down, up, alpha }: { down: number; up: number; alpha?: number }): Uint8Array {
  const key = 'lora_unet_prompt';
  const body = safetensorsFile({
    [`${key}.lora_down.weight`]: { dtype: 'F32', shape: [1, 160] },
    [`${key}.lora_up.weight`]: { dtype: 'F32', shape: [160, 1] },
    ...(alpha === undefined ? {} : { [`${key}.alpha`]: { dtype: 'F32', shape: [] } }),
  });
  const values = [...Array(160).fill(down), ...Array(160).fill(up), ...(alpha === undefined ? [] : [alpha])];
  const view = new DataView(body.buffer, body.byteLength - 4 * values.length);
  for (const [index, value] of values.entries()) view.setFloat32(4 * index, value, true);
  return body;
}

function promptWeights(bytes: Uint8Array): number[] {
  const weight = onnxWeights(bytes).get('denoiser.prompt.weight_half');
  if (weight === undefined) throw new Error('the network has this layer');
  return valuesOf(bytes, weight);
}

function valuesOf(bytes: Uint8Array, { start, bytes: length }: OnnxWeight): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
  return Array.from({ length: length / 2 }, (_, index) => fromHalf(view.getUint16(2 * index, true)));
}

describe('the weights under a LoRA', () => {
  it('are those of the network at weight 0, byte by byte, and leave it alone at any', () => {
    const before = Buffer.from(network);

    expect(Buffer.compare(withLoras(network, [file(pastel, 0)]), network)).toBe(0);
    expect(Buffer.compare(withLoras(network, [file(pastel)]), network)).not.toBe(0);

    expect(Buffer.compare(before, network)).toBe(0);
  });

  it('change in the layers that it names and in no other', () => {
    const changed = withLoras(network, [file(uniform({ down: 0.5, up: 0.25 }))]);

    const differing = [...onnxWeights(network)].filter(([, weight]) => {
      const range = [weight.start, weight.start + weight.bytes] as const;
      return Buffer.compare(changed.subarray(...range), network.subarray(...range)) !== 0;
    });
    expect(differing.map(([name]) => name)).toEqual(['denoiser.prompt.weight_half']);
  });

  it.each([
    [{ down: 0.5, up: 0.25 }, 1, 0.125],
    [{ down: 0.5, up: 0.25 }, -2, -0.25],
    [{ down: 0.5, up: 0.25, alpha: 0.5 }, 1, 0.0625],
  ])('of %j at weight %d are %d more', (halves, weight, change) => {
    const before = promptWeights(network);

    const after = promptWeights(withLoras(network, [file(uniform(halves), weight)]));

    const worst = Math.max(
      ...after.map((value, index) => Math.abs(value - (before[index] ?? Number.NaN) - change)),
    );
    // Half a unit in the last place of values below 1.
    expect(worst).toBeLessThanOrEqual(2 ** -12);
  });

  it('add up, and come back to the same bytes where two undo each other', () => {
    const one = uniform({ down: 0.3, up: 0.7 });

    const undone = withLoras(network, [file(one, 1.5), file(one, -1.5)]);

    expect(Buffer.compare(undone, network)).toBe(0);
  });

  it.each([
    ['no layer', () => loraFile(2, 'to_everything')],
    ['no layer', () => loraFile(2, 'norm')],
    ['160 x 160 and not 5 x 6', () => loraFile(2, 'prompt')],
    ['no safetensors', () => Buffer.from('nothing')],
    ['no numbers', () => uniform({ down: Number.NaN, up: 1 })],
    ['no numbers', () => uniform({ down: 3e38, up: 3e38, alpha: Number.POSITIVE_INFINITY })],
  ])('refuse a file for %s', (problem, make) => {
    const refused = () => withLoras(network, [file(make())]);

    expect(refused).toThrow(expect.objectContaining({ code: 'ADAPTER_INVALID' }));
    expect(refused).toThrow(problem);
  });
});
