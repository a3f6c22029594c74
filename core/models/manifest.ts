/**
 * A manifest says everything the platform needs to know of one model: how to validate and price a request, which
 * requests may share a call, and which engine runs it. Adding a model that an engine can already run is adding a
 * manifest.
 */
import * as z from 'zod';
import { canonicalJson, digest } from '../canonical.ts';
import type { ErrorDetail } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import type { JobRecord } from '../job/job.ts';
import { adapterLimits } from '../limits.ts';
import { tokenKinds } from '../prompt/tokens.ts';
import { basePoolCharactersMax, basePoolOf } from '../tenancy/own-pool.ts';
import type { AskedTokens } from './asked-tokens.ts';
import { askedTokens } from './asked-tokens.ts';
import { inputFaults, takesImage } from './input-pictures.ts';
import type { Quant } from './memory.ts';
import {
  imagePeakMb,
  memorySchema,
  predictedPeakMb,
  quantSchema,
  residentMb,
  roomOnCardMb,
} from './memory.ts';
import { startOf, stepsRun } from './source-pictures.ts';

const idSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const poolSchema = idSchema.max(basePoolCharactersMax).refine((pool) => !pool.includes('--'), {
  message: 'must not hold two hyphens in a row: those part the name of a tenant from it',
});
/** What runs models: two in Node, for load tests and for any CPU, and the Python runtime. */
export const engines = ['fake', 'demo', 'python'] as const;

const timeMsSchema = z.number().nonnegative();

const dtypeSchema = z.enum(['bfloat16', 'float32']);

/** In which most of the weights are kept, and widened to `dtype` as each layer runs. Absent: in `dtype`. */
const narrowSchema = quantSchema.exclude(['bf16']);

const pictureRuntime = {
  dtype: dtypeSchema,
  quant: narrowSchema.optional(),
  /** This part stays in main memory and comes to the card layer by layer as prompts are read. Absent: all parts are on the card. */
  offload: z.literal('text_encoder').optional(),
  /** A file beside the weights whose network doubles sizes above `native_size_max`, drawn at half. */
  upscaler: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$/)
    .optional(),
  native_size_max: z.int().positive().optional(),
  /** After every so many steps, a small picture of what is being drawn is shown to those who ask. Absent: never. */
  preview_every_steps: z.int().min(1).max(100).optional(),
};

/** A kind of runner of `gpu-container/runtime`, and how it loads the weights. */
const runtimeSchema = z
  .discriminatedUnion('runner', [
    z.strictObject({ runner: z.literal('z_image'), ...pictureRuntime }),
    z.strictObject({ runner: z.literal('newbie'), ...pictureRuntime }),
    z.strictObject({
      runner: z.literal('qwen_vl'),
      dtype: dtypeSchema,
      quant: narrowSchema.optional(),
      /** Tokens of prompt and answer together; more are refused. */
      context_tokens_max: z.int().positive(),
      /** A larger picture is read as one of so many pixels. Absent: as the settings beside the weights say. */
      image_pixels_max: z.int().min(1024).optional(),
    }),
    z.strictObject({
      runner: z.literal('vllm_proxy'),
      /** Where a server that speaks OpenAI's protocol listens, on the machine of the worker itself. */
      port: z.int().min(1).max(65_535),
      /** What that server calls the model. */
      served_model: z.string().min(1),
      /** How long a load waits for it. Absent: ten minutes. */
      start_s: z.int().min(0).max(3600).optional(),
    }),
  ])
  .refine(
    (runtime) =>
      !('upscaler' in runtime || 'native_size_max' in runtime) ||
      (runtime.upscaler !== undefined && runtime.native_size_max !== undefined),
    { path: ['upscaler'], message: 'belongs to native_size_max, which needs it' },
  );

const manifestFields = z.strictObject({
  id: idSchema,
  revision: z.string().min(1),
  title: z.string(),
  description: z.string(),
  /** `chat`: reads `messages` (core/chat/messages.ts) and answers with one text. */
  task: z.enum(['text-to-image', 'chat']),
  engine: z.enum(engines),
  /** What the Python runtime makes of it; for the engine `python`, and for no other. */
  runtime: runtimeSchema.optional(),
  pool: poolSchema,
  license: z.strictObject({ spdx: z.string(), notes: z.string() }),
  /** JSON Schema 2020-12 of `input`; `additionalProperties` must be false, defaults are filled in. */
  input_schema: z.looseObject({
    type: z.literal('object'),
    additionalProperties: z.literal(false),
    properties: z.record(z.string(), z.looseObject({})),
  }),
  /** Input fields that must be equal for two jobs to share one call. */
  batch_by: z.array(z.string()),
  /** Jobs in one call. */
  batch_max: z.int().min(1).max(64),
  /** Predicted GPU time: fixed + per image and step + per image at resolution weight 1; of a chat fixed + per token. */
  time: z.strictObject({
    fixed_ms: timeMsSchema,
    per_image_step_ms: timeMsSchema,
    per_weighted_image_ms: timeMsSchema,
    /** Of a chat, for each token that it may write. */
    per_output_token_ms: timeMsSchema.optional(),
    load_ms: timeMsSchema,
    /** Input field that says what one step or token takes, in place of the figure here where it is given: for load tests. */
    step_ms_input: z.string().optional(),
  }),
  /** What it takes of a card. */
  memory: memorySchema,
  /** The same model with weights of this form: runs for tenants that are set to it and ask for the model `of`. */
  variant: z.strictObject({ of: idSchema, quant: quantSchema }).optional(),
  /** How many adapters a job may name. Absent: the model takes none. */
  adapters: z.strictObject({ max: z.int().min(1).max(adapterLimits.perJobMax) }).optional(),
  usd_micros_per_gpu_hour: z.int().nonnegative(),
  /** How `input.prompt` is written: `newbie_xml` may begin with `<` and then follows prompt/newbie-xml.ts. Else text. */
  prompt_format: z.enum(['text', 'newbie_xml']).optional(),
  /** Lets tags through that NewBie does not name. */
  prompt_custom_tags: z.boolean().optional(),
  /** The tokens of a prompt that the model reads, and how it counts them. Absent: as many as its schema lets in. */
  prompt_tokens: z.strictObject({ kind: z.enum(tokenKinds), max: z.int().positive() }).optional(),
});

function isText(property: { readonly [keyword: string]: unknown } | undefined): boolean {
  return property?.type === 'string';
}

export const manifestSchema = manifestFields
  .refine(({ engine, runtime }) => (engine === 'python') === (runtime !== undefined), {
    path: ['runtime'],
    message: 'belongs to the engine python, which needs it',
  })
  .refine(
    ({ task, input_schema }) => (task === 'chat') === (input_schema.properties.messages !== undefined),
    {
      path: ['input_schema', 'properties', 'messages'],
      message: 'belong to the task chat, which needs them',
    },
  )
  .refine(
    ({ engine, adapters, memory }) =>
      memory.adapters_mb === undefined
        ? adapters === undefined || engine !== 'python'
        : adapters !== undefined,
    {
      path: ['memory', 'adapters_mb'],
      message: 'belongs to adapters, which need it with the engine python',
    },
  )
  .refine(({ task, memory }) => (task === 'chat') === (memory.per_answer_mb !== undefined), {
    path: ['memory', 'per_answer_mb'],
    message: 'belongs to the task chat, which needs it',
  })
  .refine(
    ({ task, input_schema: { properties } }) =>
      task !== 'chat' && properties.image !== undefined
        ? isText(properties.image) && (properties.mask === undefined || isText(properties.mask))
        : properties.image === undefined && properties.mask === undefined,
    {
      path: ['input_schema', 'properties', 'image'],
      message: 'is a string of a model that draws, as mask is, which needs it',
    },
  )
  .refine(
    ({ input_schema: { properties }, prompt_format, prompt_tokens }) =>
      isText(properties.prompt) || (prompt_format === undefined && prompt_tokens === undefined),
    {
      path: ['input_schema', 'properties', 'prompt'],
      message: 'must be a string for what is said of prompts',
    },
  );

export type Manifest = z.infer<typeof manifestSchema>;
export type ModelInput = JobRecord['input'];

/** How much one job asks for. */
export interface Work {
  readonly images: number;
  readonly steps: number;
  readonly pixels: number;
  /** Images by resolution weight. */
  readonly weightedImages: number;
  readonly tokens: AskedTokens;
  readonly predictedGpuMs: number;
  /** Peak of its images in one call, on top of the weights. */
  readonly memoryMb: number;
  /** The same with a single image, or of an answer. */
  readonly memoryMbMin: number;
  /** What its model keeps of the card while it is loaded. */
  readonly residentMb: number;
  /** What one job may take on top of that; null: no bound is known. */
  readonly roomMb: number | null;
  readonly batchKey: string;
}

export type ParsedInput =
  | { readonly kind: 'valid'; readonly input: ModelInput }
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] };

/** A manifest ready for use: its input schema compiled once. */
export interface Model {
  readonly manifest: Manifest;
  /** Fills defaults and names every fault by its path (`input.steps`). */
  parseInput(input: unknown): ParsedInput;
  /** For input that {@link parseInput} gave back. */
  workOf(input: ModelInput): Work;
}

/** The fields of an image model's input that the platform itself reads; a manifest may leave any of them out. */
const sizedSchema = z.object({
  n: z.int().min(1).default(1),
  steps: z.int().min(1).default(1),
  size: z.int().min(1).default(512),
});

const stepMsSchema = z.number().nonnegative().optional();

export function compileModel(manifest: Manifest): Model {
  // zod takes its own JSON Schema type; the manifest's loose object was checked above to be one.
  const schema = z.fromJSONSchema(manifest.input_schema as Parameters<typeof z.fromJSONSchema>[0]);
  const inputSchema = schema.pipe(z.record(z.string(), z.json()));
  return {
    manifest,
    parseInput(input) {
      const parsed = inputSchema.safeParse(input);
      if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error, ['input']) };
      const details = inputFaults(manifest, parsed.data);
      return details.length === 0 ? { kind: 'valid', input: parsed.data } : { kind: 'invalid', details };
    },
    workOf: (input) => (manifest.task === 'chat' ? chatWorkOf(manifest, input) : workOf(manifest, input)),
  };
}

function chatWorkOf(manifest: Manifest, input: ModelInput): Work {
  const { fixed_ms, per_output_token_ms = 0 } = manifest.time;
  const tokens = askedTokens(manifest, input);
  const tokenMs = askedStepMs(manifest, input) ?? per_output_token_ms;
  return {
    images: 0,
    steps: 1,
    pixels: 0,
    weightedImages: 0,
    tokens,
    predictedGpuMs: Math.ceil(fixed_ms + tokenMs * tokens.written),
    memoryMb: manifest.memory.per_answer_mb ?? 0,
    memoryMbMin: manifest.memory.per_answer_mb ?? 0,
    residentMb: residentMb(manifest.memory),
    roomMb: roomOnCardMb(manifest.memory),
    batchKey: batchKeyOf(manifest, input),
  };
}

function workOf(manifest: Manifest, input: ModelInput): Work {
  const { n, steps, size } = sizedSchema.parse(input);
  const pixels = size * size;
  const weightedImages = (n * pixels) / (512 * 512);
  const { fixed_ms, per_weighted_image_ms } = manifest.time;
  const per_image_step_ms = askedStepMs(manifest, input) ?? manifest.time.per_image_step_ms;
  const run = takesImage(manifest) ? stepsRun(input, steps) : steps;
  return {
    images: n,
    steps,
    pixels,
    weightedImages,
    tokens: askedTokens(manifest, input),
    predictedGpuMs: Math.ceil(
      fixed_ms + per_image_step_ms * n * run + per_weighted_image_ms * weightedImages,
    ),
    memoryMb: predictedPeakMb(manifest.memory, { images: n, pixels }),
    memoryMbMin: imagePeakMb(manifest.memory, pixels),
    residentMb: residentMb(manifest.memory),
    roomMb: roomOnCardMb(manifest.memory),
    batchKey: batchKeyOf(manifest, input),
  };
}

function askedStepMs({ time: { step_ms_input: field } }: Manifest, input: ModelInput): number | undefined {
  return stepMsSchema.parse(field === undefined ? undefined : input[field]);
}

function batchKeyOf(manifest: Manifest, input: ModelInput): string {
  const fixed = Object.fromEntries(manifest.batch_by.map((field) => [field, input[field] ?? null]));
  const start = takesImage(manifest) ? startOf(input) : 'text';
  // What is drawn from a prompt alone has the key that it always had.
  const named = start === 'text' ? fixed : { ...fixed, start };
  return digest(canonicalJson([manifest.id, manifest.revision, named])).slice(0, 16);
}

/** Every model of a deployment, by id. */
export interface Catalog {
  get(modelId: string): Model | null;
  list(): readonly Model[];
  /** Each pool once; not those of tenants' own. */
  pools(): readonly string[];
  /** Also of a tenant's own pool. */
  poolModels(pool: string): readonly Model[];
  /** The model with weights of this form; null when there is none beside the model itself. */
  variantOf(modelId: string, quant: Quant): Model | null;
}

/** MB that a model keeps of a card while it is loaded; 0 for one that the catalog does not have. */
export function residentMbOf(catalog: Pick<Catalog, 'get'>, modelId: string): number {
  const model = catalog.get(modelId);
  return model === null ? 0 : residentMb(model.manifest.memory);
}

/**
 * Throws when two manifests share an id, when one pool would need two engines (a worker runs one), or when a variant is
 * of no model of the catalog, of another variant, or there twice.
 */
export function createCatalog(manifests: readonly Manifest[]): Catalog {
  const models = new Map<string, Model>();
  const engines = new Map<string, string>();
  for (const manifest of manifests) {
    if (models.has(manifest.id)) throw new Error(`two manifests name the model ${manifest.id}`);
    const engine = engines.get(manifest.pool) ?? manifest.engine;
    if (engine !== manifest.engine) {
      throw new Error(`pool ${manifest.pool} would need two engines: ${engine} and ${manifest.engine}`);
    }
    engines.set(manifest.pool, engine);
    models.set(manifest.id, compileModel(manifest));
  }
  const variants = variantsOf(manifests);
  return {
    get: (modelId) => models.get(modelId) ?? null,
    list: () => [...models.values()],
    pools: () => [...engines.keys()],
    poolModels: (pool) => [...models.values()].filter(({ manifest }) => manifest.pool === basePoolOf(pool)),
    variantOf: (modelId, quant) => models.get(variants.get(variantKey(modelId, quant)) ?? '') ?? null,
  };
}

/** Model id by the model it is a variant of and its quantisation. */
function variantsOf(manifests: readonly Manifest[]): ReadonlyMap<string, string> {
  const variants = new Map<string, string>();
  for (const { id, variant } of manifests) {
    if (variant === undefined) continue;
    const base = manifests.find((manifest) => manifest.id === variant.of);
    if (base === undefined || base.variant !== undefined) {
      throw new Error(`the model ${id} is a variant of ${variant.of}, which is no model of its own`);
    }
    const key = variantKey(variant.of, variant.quant);
    if (variants.has(key)) throw new Error(`the model ${variant.of} has two variants of ${variant.quant}`);
    variants.set(key, id);
  }
  return variants;
}

function variantKey(modelId: string, quant: Quant): string {
  return `${modelId} ${quant}`;
}
