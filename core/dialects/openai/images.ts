/** `POST /v1/images/generations`: the request as a submission, the job's pictures as an answer. */
import * as z from 'zod';
import { faultsOf } from '../../faults.ts';
import type { JobRecord } from '../../job/job.ts';
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
  partial_images: [0],
  stream: [false],
  style: [],
};

export type TranslatedImages =
  | (DialectSubmission & { readonly responseFormat: ResponseFormat })
  | Extract<Translated, { kind: 'invalid' }>;

/** Also of the body of a batch line. Reads nothing but the body. */
export function toSubmission(body: unknown): TranslatedImages {
  const parsed = imageRequestSchema.safeParse(body);
  if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error) };
  const { model, size, quality, response_format, ...others } = parsed.data;
  // Parsed from JSON, so whatever a loose object holds is JSON.
  const { rest, details } = sortParameters(others as Parameters, rules);
  const side = sideOf(size ?? 'auto');
  const faults =
    side === 'oblong' ? [{ path: 'size', message: 'must be a square, such as 512x512, or auto' }] : [];
  if (details.length + faults.length > 0) return { kind: 'invalid', details: [...details, ...faults] };
  return {
    kind: 'submission',
    model,
    quality: qualities.find((each) => each === quality) ?? null,
    input: { ...rest, ...(typeof side === 'number' ? { size: side } : {}) },
    metadata: {},
    stream: false,
    includeUsage: false,
    paramOf: paramNamed({}),
    responseFormat: response_format ?? 'url',
  };
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
