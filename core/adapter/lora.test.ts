import { describe, expect, it } from 'vitest';
import { adapterLimits } from '../limits.ts';
import { readAdapter } from './check-file.ts';
import type { TensorUnderTest } from './file-under-test.ts';
import { safetensorsFile } from './file-under-test.ts';

const down = { shape: [2, 6] };
const up = { shape: [5, 2] };

function read(tensors: Record<string, TensorUnderTest>) {
  const file = safetensorsFile(tensors);
  return readAdapter(file, file.byteLength);
}

describe('a LoRA', () => {
  it.each([
    ['peft', 'blocks.0.to_q.lora_A.weight', 'blocks.0.to_q.lora_B.weight'],
    ['peft by name', 'blocks.0.to_q.lora_A.default.weight', 'blocks.0.to_q.lora_B.default.weight'],
    [
      'peft whole',
      'base_model.model.blocks.0.to_q.lora_A.weight',
      'base_model.model.blocks.0.to_q.lora_B.weight',
    ],
    ['ComfyUI', 'diffusion_model.blocks.0.to_q.lora_A.weight', 'diffusion_model.blocks.0.to_q.lora_B.weight'],
    ['diffusers', 'transformer.blocks.0.to_q.lora_A.weight', 'transformer.blocks.0.to_q.lora_B.weight'],
    ['old diffusers', 'unet.blocks.0.to_q.lora.down.weight', 'unet.blocks.0.to_q.lora.up.weight'],
    ['plain kohya', 'blocks.0.to_q.lora_down.weight', 'blocks.0.to_q.lora_up.weight'],
  ])('names its layer the same however it is written: %s', (_, first, second) => {
    const got = read({ [first]: down, [second]: up });

    expect(got).toMatchObject({
      kind: 'lora',
      layers: [{ module: 'blocks.0.to_q', isFlat: false, rank: 2, alpha: null }],
    });
  });

  it('of kohya has an alpha and flat names', () => {
    const key = 'lora_unet_blocks_0_to_q';
    const got = read({
      [`${key}.lora_down.weight`]: down,
      [`${key}.lora_up.weight`]: up,
      [`${key}.alpha`]: { dtype: 'F32', shape: [] },
    });

    expect(got).toMatchObject({
      layers: [{ module: 'blocks_0_to_q', isFlat: true, alpha: { dtype: 'F32' } }],
    });
  });

  it('may change convolutions, and have another rank in each layer', () => {
    const got = read({
      'a.lora_A.weight': { shape: [4, 3, 3, 3] },
      'a.lora_B.weight': { shape: [8, 4, 1, 1] },
      'b.lora_A.weight': down,
      'b.lora_B.weight': up,
    });

    expect(got).toMatchObject({ layers: [{ rank: 4 }, { rank: 2 }] });
  });
});

describe('a file that is refused', () => {
  it.each([
    ['lokr', 'lora_unet_a.lokr_w1'],
    ['lokr', 'diffusion_model.a.lokr_w2_a'],
    ['loha', 'lora_unet_a.hada_w1_b'],
    ['dora', 'lora_unet_a.dora_scale'],
    ['dora', 'base_model.model.a.lora_magnitude_vector.default.weight'],
    ['oft', 'a.oft_blocks'],
    ['oft', 'a.boft_R.weight'],
    ['tucker', 'lora_unet_a.lora_mid.weight'],
    ['full_weights', 'diffusion_model.a.diff_b'],
    ['full_weights', 'a.lora_B.bias'],
    ['text_encoder', 'lora_te1_text_model_a.lora_down.weight'],
    ['text_encoder', 'text_encoder.a.lora_A.weight'],
    ['unknown_tensor', 'a.weight'],
    ['unknown_tensor', '.lora_A.weight'],
    ['unknown_tensor', 'a/../b.lora_A.weight'],
    ['unknown_tensor', `${'x'.repeat(adapterLimits.layerCharactersMax + 1)}.lora_A.weight`],
  ])('as %s, by the name of a tensor beside those of a LoRA: %s', (rule, name) => {
    const tensors = { 'z.lora_A.weight': down, 'z.lora_B.weight': up, [name]: down };

    expect(read(tensors)).toMatchObject({ kind: 'refused', rule });
  });

  it.each([
    ['empty', {}],
    ['incomplete_pair', { 'a.lora_A.weight': down }],
    ['incomplete_pair', { 'a.lora_B.weight': up }],
    ['incomplete_pair', { 'a.alpha': { shape: [] } }],
    ['wrong_shape', { 'a.lora_A.weight': down, 'a.lora_B.weight': { shape: [5, 3] } }],
    ['wrong_shape', { 'a.lora_A.weight': { shape: [12] }, 'a.lora_B.weight': up }],
    ['wrong_shape', { 'a.lora_A.weight': { shape: [0, 6] }, 'a.lora_B.weight': { shape: [5, 0] } }],
    [
      'wrong_shape',
      { 'a.lora_A.weight': { shape: [2, 3, 3, 3] }, 'a.lora_B.weight': { shape: [5, 2, 3, 3] } },
    ],
    ['wrong_shape', { 'a.lora_A.weight': down, 'a.lora_B.weight': up, 'a.alpha': { shape: [2] } }],
    ['wrong_dtype', { 'a.lora_A.weight': { dtype: 'U8', shape: [2, 6] }, 'a.lora_B.weight': up }],
    ['unknown_tensor', { 'a.lora_A.weight': down, 'a.lora_down.weight': down, 'a.lora_B.weight': up }],
    [
      'unknown_tensor',
      {
        'a.lora_A.weight': down,
        'a.lora_B.weight': up,
        'transformer.a.lora_A.weight': down,
        'transformer.a.lora_B.weight': up,
      },
    ],
  ] satisfies [string, Record<string, TensorUnderTest>][])('as %s: %j', (rule, tensors) => {
    expect(read(tensors)).toMatchObject({ kind: 'refused', rule });
  });

  it('for a rank above what is taken, and not for the highest', () => {
    const of = (rank: number) =>
      read({ 'a.lora_A.weight': { shape: [rank, 3] }, 'a.lora_B.weight': { shape: [3, rank] } });

    expect(of(adapterLimits.rankMax)).toMatchObject({ kind: 'lora' });
    expect(of(adapterLimits.rankMax + 1)).toMatchObject({ rule: 'rank_too_high' });
  });
});
