/** Inputs that a model is tried with before tenants send any: one for each size that its manifest offers. */
import * as z from 'zod';
import type { Model, ModelInput } from './manifest.ts';

export type DummyInputs =
  | { readonly kind: 'inputs'; readonly inputs: readonly DummyInput[] }
  /** Nothing can be made up for these fields: give them a `default` or `examples` in the manifest. */
  | { readonly kind: 'unknown'; readonly fields: readonly string[] };

export interface DummyInput {
  /** For people: `512 px`, or `one size` for a model that has no sizes. */
  readonly shape: string;
  readonly input: ModelInput;
}

/** The part of a property's JSON Schema that a value can be made from. */
const propertySchema = z.object({
  type: z.string().optional(),
  enum: z.array(z.json()).optional(),
  const: z.json().optional(),
  default: z.json().optional(),
  examples: z.array(z.json()).optional(),
  minimum: z.number().optional(),
  minLength: z.int().optional(),
  maxLength: z.int().optional(),
});

const requiredSchema = z.array(z.string()).default([]);
const prompt = 'a red circle';

/** What is not required is left out, so that a try takes what the manifest fills in: what most requests take. */
export function dummyInputs(model: Model): DummyInputs {
  const { properties, required } = model.manifest.input_schema;
  const fields = requiredSchema.parse(required).filter((field) => field !== 'size');
  const values = fields.map((field) => [field, madeUp(properties[field])] as const);
  const open = values.filter(([, value]) => value === undefined).map(([field]) => field);
  if (open.length > 0) return { kind: 'unknown', fields: open };

  const sizes = sizesOf(properties.size);
  const inputs: DummyInput[] = [];
  for (const size of sizes.length === 0 ? [null] : sizes) {
    const parsed = model.parseInput({ ...Object.fromEntries(values), ...(size === null ? {} : { size }) });
    if (parsed.kind === 'invalid') return { kind: 'unknown', fields: parsed.details.map(({ path }) => path) };
    inputs.push({ shape: size === null ? 'one size' : `${size} px`, input: parsed.input });
  }
  return { kind: 'inputs', inputs };
}

/** Every size of an enumeration, rising; of a range the one that is filled in. */
function sizesOf(property: unknown): number[] {
  if (property === undefined) return [];
  const { enum: listed = [], default: usual, minimum } = propertySchema.parse(property);
  const sizes = listed.filter((size) => typeof size === 'number');
  if (sizes.length > 0) return sizes.toSorted((left, right) => left - right);
  const one = usual ?? minimum;
  return typeof one === 'number' ? [one] : [];
}

function madeUp(property: unknown): unknown {
  const {
    type,
    enum: listed,
    const: only,
    default: usual,
    examples,
    ...bounds
  } = propertySchema.parse(property ?? {});
  const named = usual ?? only ?? examples?.[0] ?? listed?.[0];
  if (named !== undefined) return named;
  const { minimum, minLength = 0, maxLength = prompt.length } = bounds;
  if (type === 'string') return prompt.padEnd(minLength, ' of red').slice(0, Math.max(minLength, maxLength));
  return type === 'integer' || type === 'number' ? (minimum ?? 1) : undefined;
}
