/** Models as they travel: OpenAI's list shape plus what a caller needs to fill in a request. */
import * as z from 'zod';
import type { Model } from '../models/manifest.ts';
import { memorySchema, quantSchema } from '../models/memory.ts';
import { tokenKinds } from '../prompt/tokens.ts';
import type { PoolState } from '../scaling/pool-state.ts';

export const modelSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('model'),
    created: z.int().meta({ description: 'Always 0; kept for OpenAI clients' }),
    owned_by: z.string(),
    title: z.string(),
    description: z.string(),
    revision: z.string(),
    task: z.string(),
    license: z.strictObject({ spdx: z.string(), notes: z.string() }),
    input_schema: z.record(z.string(), z.json()).meta({ description: 'JSON Schema 2020-12 of `input`' }),
    prompt: z
      .strictObject({
        format: z.enum(['text', 'newbie_xml']),
        tokens_max: z
          .int()
          .positive()
          .nullable()
          .meta({ description: 'null: as many as the schema lets in' }),
        tokens_kind: z.enum(tokenKinds).nullable(),
      })
      .meta({ description: 'How prompts are read; a longer one is refused, never cut' }),
    batch_max: z.int().positive(),
    memory: memorySchema.meta({
      description:
        'GPU memory in units of 10^6 bytes: the weights, and on top of them what a call takes once (`call_mb`) and each of its images (`mb`), by their pixels, or each answer',
    }),
    variant: z
      .strictObject({ of: z.string(), quant: quantSchema })
      .nullable()
      .meta({ description: 'The same model as `of` with weights of this form' }),
    price: z.strictObject({ usd_micros_per_gpu_hour: z.int().nonnegative() }),
    state: z.enum(['cold', 'warming', 'warm']),
  })
  .meta({ id: 'Model' });

export type ModelResource = z.infer<typeof modelSchema>;

export const modelListSchema = z
  .strictObject({ object: z.literal('list'), data: z.array(modelSchema) })
  .meta({ id: 'ModelList' });

/** A pool's state as those see it who use its models. */
export const stateWords = { cold: 'cold', waking: 'warming', warm: 'warm', idle: 'warm' } as const;

export function presentModel({ manifest }: Model, poolState: PoolState): ModelResource {
  return {
    id: manifest.id,
    object: 'model',
    created: 0,
    owned_by: 'pilotlight',
    title: manifest.title,
    description: manifest.description,
    revision: manifest.revision,
    task: manifest.task,
    license: manifest.license,
    // Parsed from JSON, so it is JSON; the manifest's loose type does not say so.
    input_schema: z.record(z.string(), z.json()).parse(manifest.input_schema),
    prompt: {
      format: manifest.prompt_format ?? 'text',
      tokens_max: manifest.prompt_tokens?.max ?? null,
      tokens_kind: manifest.prompt_tokens?.kind ?? null,
    },
    batch_max: manifest.batch_max,
    memory: manifest.memory,
    variant: manifest.variant ?? null,
    price: { usd_micros_per_gpu_hour: manifest.usd_micros_per_gpu_hour },
    state: stateWords[poolState],
  };
}
