/** Files as they travel, in the shapes of OpenAI's Files API: times are seconds since 1970. */
import * as z from 'zod';
import type { FileRecord } from '../batch/file.ts';
import { filePurposes } from '../batch/file.ts';
import { apiLimits, batchLimits, fileLimits, imageLimits } from '../limits.ts';
import type { UploadLink } from '../ports/blobs.ts';
import { wholeNumber } from './job-query.ts';

const secondsSchema = z.int().nonnegative();
const keptSecondsMax = fileLimits.keptMs / 1000;

/** By their codes: not every reader of JSON Schema patterns knows classes of Unicode. The last ones turn or hide text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it refuses
const plainText = /^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+$/;

const filenameSchema = z
  .string()
  .min(1)
  .max(fileLimits.nameCharactersMax)
  .regex(plainText, 'must hold no control characters');

const purposeSchema = z.enum(['batch', 'vision']).meta({
  description: `What it is for: lines of a batch, or a picture that inputs name by the id, of at most ${imageLimits.namedBytesMax / 1024 ** 2} MiB`,
});

export const fileRequestSchema = z
  .strictObject({
    filename: filenameSchema,
    purpose: purposeSchema,
    bytes: z.int().min(1).max(batchLimits.fileBytesMax).meta({ description: 'Length of the file' }),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
      .meta({ description: 'Of the file, in hexadecimal' }),
    expires_after: z
      .strictObject({
        anchor: z.literal('created_at'),
        seconds: z.int().min(fileLimits.keptSecondsMin).max(keptSecondsMax),
      })
      .optional()
      .meta({ description: 'Default: 30 days, or the `retention_days` of the plan where those are fewer' }),
  })
  .meta({ id: 'FileRequest' });

/** As OpenAI's SDKs send a file with its request. */
export const fileFormSchema = z.strictObject({
  file: z.file().meta({ description: `At most ${fileLimits.inlineBytesMax / 1024 ** 2} MiB` }),
  purpose: purposeSchema,
  'expires_after[anchor]': z.literal('created_at').optional(),
  'expires_after[seconds]': wholeNumber(fileLimits.keptSecondsMin, keptSecondsMax).optional(),
});

/** What the name of a file in a form is held to as well. */
export const formFileNameSchema = filenameSchema;

export const fileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int().nonnegative(),
    created_at: secondsSchema,
    expires_at: secondsSchema,
    filename: z.string(),
    purpose: z.enum(filePurposes),
    status: z.enum(['uploaded', 'processed']).meta({
      description:
        'processed: it came with its request. uploaded: it goes straight to the store, by its link.',
    }),
  })
  .meta({ id: 'File' });

export const offeredFileSchema = z
  .strictObject({
    ...fileSchema.shape,
    upload: z
      .strictObject({
        method: z.literal('PUT'),
        url: z.string(),
        headers: z.record(z.string(), z.string()).meta({ description: 'To be sent exactly so' }),
        expires_at: secondsSchema,
      })
      .optional()
      .meta({ description: 'Where to put a file that did not come with its request; takes no other bytes' }),
  })
  .meta({ id: 'OfferedFile' });

export const deletedFileSchema = z.strictObject({
  id: z.string(),
  object: z.literal('file'),
  deleted: z.literal(true),
});

/** A page in OpenAI's form, which goes on `after` the last id of the one before. */
export function openAiListOf<T extends z.ZodType>(item: T) {
  return z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

export function presentPage<T extends { readonly id: string }>(data: readonly T[], cursor: string | null) {
  return {
    object: 'list' as const,
    data: [...data],
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: cursor !== null,
  };
}

export const afterSchema = z
  .string()
  .regex(/^[0-9a-z_]{1,64}$/, 'must be the id of an object of this list')
  .optional()
  .meta({ description: 'Id of the last object of the page before' });

export const fileListQuerySchema = z.strictObject({
  after: afterSchema,
  limit: wholeNumber(1, 10_000)
    .default(apiLimits.pageDefault)
    .meta({ description: `A page holds ${apiLimits.pageMax} at most, whatever is asked` }),
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: z.enum(filePurposes).optional(),
});

export type FileResource = z.infer<typeof fileSchema>;

export function presentFile(file: FileRecord): FileResource {
  const { fileId, bytes, createdAtMs, expiresAtMs, filename, purpose, isStored } = file;
  return {
    id: fileId,
    object: 'file',
    bytes,
    created_at: secondsOf(createdAtMs),
    expires_at: secondsOf(expiresAtMs),
    filename,
    purpose,
    status: isStored ? 'processed' : 'uploaded',
  };
}

export function presentOfferedFile(file: FileRecord, { url, headers }: UploadLink, endsAtMs: number) {
  const upload = {
    method: 'PUT' as const,
    url,
    headers: { ...headers },
    expires_at: secondsOf(endsAtMs),
  };
  return { ...presentFile(file), upload };
}

export function secondsOf(atMs: number): number {
  return Math.floor(atMs / 1000);
}
