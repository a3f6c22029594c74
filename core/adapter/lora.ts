/**
 * What makes a safetensors file a LoRA: for each layer that it changes a pair of tensors `down` (rank x in) and `up`
 * (out x rank), which the layer's weight is changed by as `W + weight * alpha / rank * up * down`. Three ways of naming
 * the pair are about: peft's `lora_A`/`lora_B`, kohya's `lora_down`/`lora_up` with `alpha`, and the older
 * `lora.down`/`lora.up` of diffusers. Other kinds of adapters are refused by their names, because some loaders take
 * them in silence and draw something else.
 */
import { adapterLimits } from '../limits.ts';
import type { AdapterRefusal, AdapterRule } from './refusal.ts';
import { adapterRefusal } from './refusal.ts';
import type { Tensor } from './safetensors.ts';
import { shown } from './safetensors.ts';

export interface LoraLayer {
  /** The layer's name without the prefix that its trainer put before it. */
  readonly module: string;
  /** Kohya's names have `_` where the layer's has `.`. */
  readonly isFlat: boolean;
  readonly rank: number;
  /** rank x in, and rank x in x height x width for a convolution. */
  readonly down: Tensor;
  /** out x rank, followed by ones for a convolution. */
  readonly up: Tensor;
  /** A single number; null where it is the rank. */
  readonly alpha: Tensor | null;
}

export type LoraRead = { readonly kind: 'lora'; readonly layers: readonly LoraLayer[] } | AdapterRefusal;

type Part = 'down' | 'up' | 'alpha';

const partForms: readonly (readonly [RegExp, Part])[] = [
  [/\.lora_A(?:\.default)?\.weight$/, 'down'],
  [/\.lora_B(?:\.default)?\.weight$/, 'up'],
  [/\.(?:lora_|lora\.)down\.weight$/, 'down'],
  [/\.(?:lora_|lora\.)up\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
];

/** Names that other kinds of adapters give their tensors: those of LyCORIS and of peft. */
const foreignForms: readonly (readonly [RegExp, AdapterRule])[] = [
  [/(?:^|\.)lokr_/, 'lokr'],
  [/(?:^|\.)hada_/, 'loha'],
  [/(?:^|\.)(?:dora_scale|lora_magnitude_vector)/, 'dora'],
  [/(?:^|\.)(?:oft_|boft_)/, 'oft'],
  [/(?:^|\.)lora_mid\./, 'tucker'],
  [/(?:^|\.)(?:diff|diff_b|w_norm|b_norm)$/, 'full_weights'],
  [/(?:^|\.)lora_[AB](?:\.default)?\.bias$/, 'full_weights'],
];

const prefixForm =
  /^(?:base_model\.model\.)?(?:diffusion_model\.|transformer\.|unet\.|lora_unet_|lora_transformer_)?/;
const flatPrefixForm = /^lora_[a-z0-9]+_/;
const textEncoderForm = /^(?:base_model\.model\.)?(?:text_encoder|text_model|lora_te)/;
const moduleForm = /^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$/;
const dtypes: readonly Tensor['dtype'][] = ['F16', 'BF16', 'F32'];

/** The layers that the file of these tensors changes, or the first rule that it breaks. */
export function readLora(tensors: readonly Tensor[]): LoraRead {
  const foreign = foreignRuleOf(tensors);
  if (foreign !== null) return foreign;
  const parts = new Map<string, Partial<Record<Part, Tensor>>>();
  for (const tensor of tensors) {
    const named = partOf(tensor.name);
    if (named === null) return adapterRefusal('unknown_tensor', shown(tensor.name));
    if (!dtypes.includes(tensor.dtype)) return adapterRefusal('wrong_dtype', shown(tensor.name));
    const layer = parts.get(named.key) ?? {};
    // Two ways of naming in one layer: which of them counts is anybody's guess.
    if (layer[named.part] !== undefined) return adapterRefusal('unknown_tensor', shown(tensor.name));
    parts.set(named.key, { ...layer, [named.part]: tensor });
  }
  if (parts.size === 0) return adapterRefusal('empty');
  return layersOf(parts);
}

/** Told before anything else: of a LoKr, a half without its other half is not what is wrong. */
function foreignRuleOf(tensors: readonly Tensor[]): AdapterRefusal | null {
  for (const { name } of tensors) {
    const foreign = foreignForms.find(([form]) => form.test(name));
    if (foreign !== undefined) return adapterRefusal(foreign[1], shown(name));
    if (textEncoderForm.test(name)) return adapterRefusal('text_encoder', shown(name));
  }
  return null;
}

function partOf(name: string): { readonly key: string; readonly part: Part } | null {
  for (const [form, part] of partForms) {
    const key = name.replace(form, '');
    if (key === name) continue;
    const isNamed = key.length <= adapterLimits.layerCharactersMax && moduleForm.test(moduleOf(key));
    return isNamed ? { key, part } : null;
  }
  return null;
}

function moduleOf(key: string): string {
  return key.replace(prefixForm, '');
}

function layersOf(parts: ReadonlyMap<string, Partial<Record<Part, Tensor>>>): LoraRead {
  const layers: LoraLayer[] = [];
  const modules = new Set<string>();
  for (const [key, { down, up, alpha = null }] of parts) {
    if (down === undefined || up === undefined) return adapterRefusal('incomplete_pair', shown(key));
    const rank = rankOf(down.shape, up.shape);
    if (rank === null || !isSingle(alpha)) return adapterRefusal('wrong_shape', shown(key));
    if (rank > adapterLimits.rankMax) return adapterRefusal('rank_too_high', `${shown(key)} has ${rank}`);
    const module = moduleOf(key);
    // Under two prefixes: the layer would be changed once or twice, as its loader pleases.
    if (modules.has(module)) return adapterRefusal('unknown_tensor', shown(key));
    modules.add(module);
    layers.push({ module, isFlat: flatPrefixForm.test(key), rank, down, up, alpha });
  }
  return { kind: 'lora', layers };
}

/** The rank of a pair; null when the two do not fit, or when one has no elements. */
function rankOf(down: readonly number[], up: readonly number[]): number | null {
  const [rank = 0] = down;
  const isLayer = down.length === 2 || down.length === 4;
  if (!isLayer || up.length !== down.length || [...down, ...up].includes(0)) return null;
  return up[1] === rank && up.slice(2).every((side) => side === 1) ? rank : null;
}

function isSingle(alpha: Tensor | null): boolean {
  return alpha === null || alpha.shape.length === 0 || (alpha.shape.length === 1 && alpha.shape[0] === 1);
}
