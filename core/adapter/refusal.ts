/** Why the file of an adapter is refused. */

/** Every rule, with the words that explain it. */
export const adapterRules = {
  pickle: 'the file is a pickle, which runs code when it is loaded: save it as safetensors',
  not_safetensors: 'the file is no safetensors file',
  header_too_large: 'the header of the file is larger than is taken',
  too_many_tensors: 'the file holds more tensors than are taken',
  malformed: 'the header of the file contradicts itself',
  bytes_differ: 'the file has another length than was said',
  sha256_differs: 'the file has another SHA-256 than was said',
  lokr: 'the file is a LoKr, which is not taken: train a LoRA, or merge and extract one',
  loha: 'the file is a LoHa, which is not taken: train a LoRA, or merge and extract one',
  dora: 'the file is a DoRA, which is not taken: train a LoRA without weight decomposition',
  oft: 'the file is an OFT or BOFT, which is not taken: train a LoRA',
  tucker: 'the file is a LoRA in Tucker form, which is not taken: train it without `use_tucker`',
  full_weights: 'the file holds whole weights or biases, which a LoRA does not',
  text_encoder: 'the file changes a text encoder, and only the model that draws can be changed',
  unknown_tensor: 'the file holds a tensor that belongs to no LoRA',
  incomplete_pair: 'a layer of the file has one half of its pair only',
  wrong_shape: 'the halves of a layer do not fit each other',
  wrong_dtype: 'a tensor of the file is neither F16 nor BF16 nor F32',
  rank_too_high: 'the rank of a layer is higher than is taken',
  empty: 'the file changes no layer',
} as const satisfies Record<string, string>;

export type AdapterRule = keyof typeof adapterRules;

export interface AdapterRefusal {
  readonly kind: 'refused';
  readonly rule: AdapterRule;
  readonly detail: string;
}

/** A refusal by `rule`; `found` says what was found. */
export function adapterRefusal(rule: AdapterRule, found?: string): AdapterRefusal {
  const text = adapterRules[rule];
  return { kind: 'refused', rule, detail: found === undefined ? text : `${text}: ${found}` };
}
