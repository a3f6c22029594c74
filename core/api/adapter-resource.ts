/** Adapters as they travel. A link to upload the file is part of an answer only while the file is awaited. */
import * as z from 'zod';
import type { AdapterRecord } from '../adapter/adapter.ts';
import { adapterStatuses } from '../adapter/adapter.ts';
import { adapterRules } from '../adapter/refusal.ts';
import { adapterLimits } from '../limits.ts';
import type { UploadLink } from '../ports/blobs.ts';

const timeSchema = z.iso.datetime();
const countSchema = z.int().nonnegative();
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case');

/** By their codes: not every reader of JSON Schema patterns knows classes of Unicode. The last ones turn or hide text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it refuses
const plainText = /^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+$/;

export const adapterRequestSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(adapterLimits.nameCharactersMax)
      .regex(plainText, 'must hold no control characters')
      .meta({ description: 'Your own word for it; the first one stays' }),
    model: z
      .string()
      .min(1)
      .max(128)
      .meta({ description: 'Id of the model that it changes, from /v1/models' }),
    bytes: z
      .int()
      .min(1)
      .max(adapterLimits.fileBytesMax)
      .meta({ description: 'Length of the safetensors file' }),
    sha256: sha256Schema.meta({ description: 'Of the file, in hexadecimal' }),
  })
  .meta({ id: 'AdapterRequest' });

export const adapterSchema = z
  .strictObject({
    id: z.string().meta({ description: 'The same file for the same model has the same id' }),
    object: z.literal('adapter'),
    name: z.string(),
    model: z.string(),
    bytes: countSchema,
    sha256: z.string(),
    status: z.enum(adapterStatuses).meta({
      description: 'pending: its file is awaited. ready: jobs may name it. refused: it never will be.',
    }),
    refusal: z
      .strictObject({
        code: z.enum(Object.keys(adapterRules) as [string, ...string[]]),
        message: z.string(),
      })
      .nullable(),
    rank: countSchema.nullable().meta({ description: 'The highest of its layers, once it is ready' }),
    layers: countSchema.nullable().meta({ description: 'How many layers it changes, once it is ready' }),
    created_at: timeSchema,
    checked_at: timeSchema.nullable(),
  })
  .meta({ id: 'Adapter' });

export const offeredAdapterSchema = z
  .strictObject({
    ...adapterSchema.shape,
    upload: z
      .strictObject({
        method: z.literal('PUT'),
        url: z.string(),
        headers: z.record(z.string(), z.string()).meta({ description: 'To be sent exactly so' }),
        expires_at: timeSchema,
      })
      .nullable()
      .meta({
        description:
          'Where to put the file, which takes no other bytes; null once it was checked. Then: complete.',
      }),
  })
  .meta({ id: 'OfferedAdapter' });

export const deletedAdapterSchema = z.strictObject({
  id: z.string(),
  object: z.literal('adapter'),
  deleted: z.literal(true),
});

export type AdapterResource = z.infer<typeof adapterSchema>;
export type OfferedAdapterResource = z.infer<typeof offeredAdapterSchema>;

export function presentAdapter(adapter: AdapterRecord): AdapterResource {
  const { adapterId, name, model, bytes, sha256, status, refusal, rank, layers, checkedAtMs } = adapter;
  return {
    id: adapterId,
    object: 'adapter',
    name,
    model,
    bytes,
    sha256,
    status,
    refusal: refusal && { code: refusal.rule, message: refusal.detail },
    rank,
    layers,
    created_at: new Date(adapter.createdAtMs).toISOString(),
    checked_at: checkedAtMs === null ? null : new Date(checkedAtMs).toISOString(),
  };
}

export function presentOffered(
  adapter: AdapterRecord,
  link: UploadLink | null,
  endsAtMs: number,
): OfferedAdapterResource {
  const expires_at = new Date(endsAtMs).toISOString();
  const upload = link && { method: 'PUT' as const, url: link.url, headers: { ...link.headers }, expires_at };
  return { ...presentAdapter(adapter), upload };
}
