/** `POST /v1/images/generations`: the request as a submission, the job's pictures as an answer or as events. */
import * as z from 'zod';
import { faultsOf } from '../../faults.ts';
import type { JobRecord } from '../../job/job.ts';
import type { Preview } from '../../stream/text-piece.ts';
import { qualities } from '../../tenancy/alias.ts';
import type { DialectSubmission, Translated } from '../submission.ts';
import { paramNamed } from '../submission.ts';
import type { Parameters, Rule } from './parameters.ts';
import { commonRules, sortParameters } from './parameters.ts';

export const responseFormats = ['url', 'b64_json'] as const;

export const imageRequestSchema = z
  .looseObject({
    model: z.string().min(1).max(128).meta({ description: 'Model id from /v1/models, or an alias' }),
    prompt: z.string(),
    n: z.int().min(1).nullish(),
    size: z
      .string()
      .regex(/^(?:auto|[1-9]\d{0,4}x[1-9]\d{0,4})$/, 'must be auto or a size such as 512x512')
      .nullish()
      .meta({ description: 'A square, such as 512x512; auto: as the model draws' }),
    quality: z
      .enum(['auto', 'standard', ...qualities])
      .nullish()
      .meta({ description: 'The tier of `model` to use, where the operator has set it' }),
    response_format: z
      .enum(responseFormats)
      .nullish()
      .meta({ description: 'url: links that work for 15 minutes; b64_json: the pictures themselves' }),
    stream: z.boolean().nullish().meta({ description: 'Answer with server-sent events, pictures in base64' }),
    partial_images: z
      .int()
      .min(0)
      .max(3)
      .nullish()
      .meta({ description: 'With `stream`: at most so many looks at what is being drawn' }),
  })
  .meta({
    id: 'ImageRequest',
    description: "As OpenAI has it. Parameters that the model's input schema names, such as `seed`, go to it",
  });

const pictureSchema = z.union([
  z.strictObject({ url: z.string() }),
  z.strictObject({ b64_json: z.string() }),
]);

export const imagesSchema = z
  .strictObject({ created: z.int().nonnegative(), data: z.array(pictureSchema) })
  .meta({ id: 'Images' });

export type Images = z.infer<typeof imagesSchema>;
export type Picture = z.infer<typeof pictureSchema>;
export type ResponseFormat = (typeof responseFormats)[number];

const rules: Readonly<Record<string, Rule>> = {
  ...commonRules,
  background: ['auto', 'opaque'],
  moderation: 'ignored',
  output_compression: [100],
  output_format: ['png'],
  style: [],
};

export type TranslatedImages =
  | (DialectSubmission & { readonly responseFormat: ResponseFormat; readonly partialImages: number })
  | Extract<Translated, { kind: 'invalid' }>;

/** Also of the body of a batch line. Reads nothing but the body. */
export function toSubmission(body: unknown): TranslatedImages {
  const parsed = imageRequestSchema.safeParse(body);
  if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error) };
  const { model, size, quality, response_format, stream, partial_images, ...others } = parsed.data;
  // Parsed from JSON, so whatever a loose object holds is JSON.
  const { rest, details } = sortParameters(others as Parameters, rules);
  const side = sideOf(size ?? 'auto');
  const faults = [
    ...(side === 'oblong' ? [{ path: 'size', message: 'must be a square, such as 512x512, or auto' }] : []),
    ...streamFaults(parsed.data),
  ];
  if (details.length + faults.length > 0) return { kind: 'invalid', details: [...details, ...faults] };
  return {
    kind: 'submission',
    model,
    quality: qualities.find((each) => each === quality) ?? null,
    input: { ...rest, ...(typeof side === 'number' ? { size: side } : {}) },
    metadata: {},
    stream: stream === true,
    includeUsage: false,
    paramOf: paramNamed({}),
    responseFormat: response_format ?? 'url',
    partialImages: partial_images ?? 0,
  };
}

function streamFaults({ stream, partial_images, response_format }: z.infer<typeof imageRequestSchema>) {
  if (stream !== true) {
    return (partial_images ?? 0) === 0 ? [] : [{ path: 'partial_images', message: 'goes with stream' }];
  }
  const message = 'is b64_json of a stream';
  return response_format === 'url' ? [{ path: 'response_format', message }] : [];
}

/** Pixels on a side. */
function sideOf(size: string): number | 'auto' | 'oblong' {
  if (size === 'auto') return 'auto';
  const [width, height] = size.split('x').map(Number);
  return width !== undefined && width === height ? width : 'oblong';
}

/** @param data a link or the bytes of each output, in their order */
export function toAnswer(job: JobRecord, data: readonly Picture[]): Images {
  return { created: Math.floor(job.createdAtMs / 1000), data: [...data] };
}

/**
 * Whether a client that asked for so many of them is to see this one. They are spread over the steps: of one it is the
 * middle that is seen, of three the quarters.
 */
export function isDuePartial({ step, steps }: Preview, told: number, partialImages: number): boolean {
  return told < partialImages && step * (partialImages + 1) >= steps * (told + 1);
}

/** One event of a stream: how the picture looks so far. */
export function toPartialEvent(job: JobRecord, preview: Preview, index: number) {
  const side = typeof job.input.size === 'number' ? job.input.size : null;
  return {
    type: 'image_generation.partial_image',
    b64_json: Buffer.from(preview.body).toString('base64'),
    partial_image_index: index,
    ...pictureShape(job, { contentType: preview.contentType, width: side, height: side }),
  } as const;
}

/** One event of a stream: a finished picture; what the job used is told with the last one. */
export function toCompletedEvent(job: JobRecord, index: number, bytes: Uint8Array) {
  const { contentType = '', width = null, height = null } = job.outputs[index] ?? {};
  const tokens = index === job.outputs.length - 1 ? (job.usage?.inputTokens ?? 0) : 0;
  return {
    type: 'image_generation.completed',
    b64_json: Buffer.from(bytes).toString('base64'),
    ...pictureShape(job, { contentType, width, height }),
    usage: {
      input_tokens: tokens,
      input_tokens_details: { text_tokens: tokens, image_tokens: 0 },
      output_tokens: 0,
      total_tokens: tokens,
    },
  } as const;
}

function pictureShape(
  job: JobRecord,
  shape: { readonly contentType: string; readonly width: number | null; readonly height: number | null },
) {
  return {
    background: 'opaque',
    created_at: Math.floor(job.createdAtMs / 1000),
    output_format: shape.contentType.replace('image/', ''),
    quality: 'auto',
    size: shape.width === null ? 'auto' : `${shape.width}x${shape.height}`,
  } as const;
}
