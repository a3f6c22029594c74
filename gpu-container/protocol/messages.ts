/**
 * The runner protocol, version 1: what a worker and its runner say to each other, one JSON object a line
 * (`framing.ts`). `golden/` holds every message as bytes, so that a runtime in another language can prove that it
 * reads and writes the same.
 *
 * - The worker says `hello`; the runner answers `ready`, or `bye` when the versions differ.
 * - `load` ends in one `loaded`, or one `failed` of scope `model`.
 * - `run` is answered by `accepted`, then every item ends in exactly one `result` or `failed` of scope `item`. A
 *   `failed` of scope `batch` ends every item of the batch at once; one of scope `process` ends all work there is.
 * - `cancel` and `ping` are answered while a batch runs. `drain` lets work end, then comes `bye`.
 * - A `pong` proves life, any other frame progress: a runner that is asked for something and shows none for long is killed.
 * - A runner that says `bye` exits. A runner that loses its worker exits too.
 *
 * Pictures never travel in frames, save small previews for those who asked: a result names files in the scratch folder
 * that `run` named.
 */
import * as z from 'zod';
import { finishReasons } from '#core/job/job.ts';
import { protocolLimits } from '#core/limits.ts';

export const protocolVersion = 1;

/**
 * Why an item, a batch, a model or the process failed. `CUDA_FATAL` is always of scope `process`: such a context
 * serves nothing more. `DEADLINE` and `CANCELLED` are ends that somebody asked for.
 */
export const failureCodes = [
  'INVALID_INPUT',
  'OOM',
  'CANCELLED',
  'DEADLINE',
  'MODEL_NOT_LOADED',
  'ADAPTER_INVALID',
  'NAN_OUTPUT',
  'CUDA_FATAL',
  'INTERNAL',
] as const;

export const byeReasons = ['drained', 'protocol_fault', 'protocol_version', 'fatal'] as const;

const wholeSchema = z.int().nonnegative();
const idSchema = z.string().min(1).max(200);
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
/** A model's name is also its folder's name, so it must never lead out of the models folder. */
const modelSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/);
const modelShape = { model: modelSchema, revision: z.string().min(1).max(200) };

const itemSchema = z.strictObject({
  id: idSchema,
  /** Input as the manifest validated it. An engine refuses what it does not know, and never drops it. */
  params: z.record(z.string(), z.json()),
  /** Milliseconds after `accepted` at which the item must have ended, or null for none. */
  deadlineMs: wholeSchema.nullable(),
});

const adapterSchema = z.strictObject({
  id: idSchema,
  path: z.string().min(1),
  sha256: sha256Schema,
  weight: z.number(),
});

const runSchema = z.strictObject({
  type: z.literal('run'),
  batchId: idSchema,
  ...modelShape,
  /** Absolute path of an existing folder that belongs to this batch; the worker removes it afterwards. */
  scratchDir: z.string().startsWith('/'),
  items: z
    .array(itemSchema)
    .min(1)
    .refine((items) => new Set(items.map((item) => item.id)).size === items.length, 'item ids repeat'),
  adapters: z.array(adapterSchema),
  /** Whether anybody looks at pictures of what is being drawn. */
  previews: z.boolean().optional(),
});

/** What a worker says. */
export const workerMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), protocol: wholeSchema }),
  z.strictObject({ type: z.literal('load'), ...modelShape }),
  z.strictObject({ type: z.literal('unload'), ...modelShape }),
  runSchema,
  z.strictObject({ type: z.literal('cancel'), id: idSchema }),
  z.strictObject({ type: z.literal('ping'), sequence: wholeSchema }),
  z.strictObject({ type: z.literal('drain') }),
]);

const fileSchema = z.strictObject({
  /** A bare name inside the batch's scratch folder: a path could name what the worker must not read. */
  path: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  contentType: z.string().min(1),
  bytes: wholeSchema,
  sha256: sha256Schema,
  width: wholeSchema.nullable(),
  height: wholeSchema.nullable(),
});

const failureShape = {
  type: z.literal('failed'),
  code: z.enum(failureCodes),
  /** For logs; only that of `INVALID_INPUT` may be shown to a tenant. */
  message: z.string(),
  retryable: z.boolean(),
};

const failedSchema = z.discriminatedUnion('scope', [
  z.strictObject({ ...failureShape, scope: z.literal('item'), id: idSchema, gpuMs: wholeSchema }),
  z.strictObject({ ...failureShape, scope: z.literal('batch'), batchId: idSchema }),
  z.strictObject({ ...failureShape, scope: z.literal('model'), ...modelShape }),
  z.strictObject({ ...failureShape, scope: z.literal('process') }),
]);

/** What a runner says. */
export const runnerMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('ready'),
    protocol: wholeSchema,
    engine: z.string().min(1),
    versions: z.record(z.string(), z.string()),
    capabilities: z.strictObject({ deltas: z.boolean(), adapters: z.boolean() }),
    vramTotalBytes: wholeSchema.nullable(),
  }),
  z.strictObject({
    type: z.literal('loaded'),
    ...modelShape,
    /** 0 when the model was resident already. */
    ms: wholeSchema,
    vramBytes: wholeSchema.nullable(),
  }),
  z.strictObject({ type: z.literal('accepted'), batchId: idSchema }),
  /** `step` of an item only grows, and never passes `steps`. */
  z.strictObject({ type: z.literal('progress'), id: idSchema, step: wholeSchema, steps: wholeSchema }),
  /** How an item looks after a step: a small picture, to be shown and forgotten. Told only to those who asked. */
  z.strictObject({
    type: z.literal('preview'),
    id: idSchema,
    step: wholeSchema,
    contentType: z.enum(['image/jpeg', 'image/png']),
    width: wholeSchema,
    height: wholeSchema,
    data: z.base64().max(protocolLimits.previewCharactersMax),
  }),
  z.strictObject({ type: z.literal('delta'), id: idSchema, text: z.string() }),
  z.strictObject({
    type: z.literal('result'),
    id: idSchema,
    files: z.array(fileSchema),
    seeds: z.array(wholeSchema),
    unknownWords: z.array(z.string()),
    /** This item's share of the time its batch held the device; the shares add up to that time. */
    gpuMs: wholeSchema,
    /** Of an item that wrote text, which its first file holds and its `delta`s add up to. */
    answer: z
      .strictObject({
        finishReason: z.enum(finishReasons),
        promptTokens: wholeSchema,
        completionTokens: wholeSchema,
      })
      .optional(),
  }),
  failedSchema,
  z.strictObject({
    type: z.literal('stats'),
    memoryBytes: wholeSchema,
    vramAllocatedBytes: wholeSchema.nullable(),
    vramReservedBytes: wholeSchema.nullable(),
    gpuUtil: z.number().min(0).max(1).nullable(),
  }),
  z.strictObject({
    type: z.literal('log'),
    level: z.enum(['info', 'warn', 'error']),
    event: z.string().min(1),
    fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
  z.strictObject({ type: z.literal('pong'), sequence: wholeSchema }),
  z.strictObject({ type: z.literal('bye'), reason: z.enum(byeReasons) }),
]);

export type WorkerMessage = z.infer<typeof workerMessageSchema>;
export type RunnerMessage = z.infer<typeof runnerMessageSchema>;
export type RunMessage = Extract<WorkerMessage, { type: 'run' }>;
export type FailedMessage = Extract<RunnerMessage, { type: 'failed' }>;
export type ReadyMessage = Extract<RunnerMessage, { type: 'ready' }>;
export type LogMessage = Extract<RunnerMessage, { type: 'log' }>;
export type ResultMessage = Extract<RunnerMessage, { type: 'result' }>;
export type ResultFile = ResultMessage['files'][number];
export type Answer = NonNullable<ResultMessage['answer']>;
export type FailureCode = (typeof failureCodes)[number];
export type ByeReason = (typeof byeReasons)[number];
