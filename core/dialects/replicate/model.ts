/** Models as Replicate has them: each has the one version that the catalog holds. */
import * as z from 'zod';
import type { Manifest } from '../../models/manifest.ts';
import type { Parameters } from '../openai/parameters.ts';
import { owner } from '../owner.ts';
import { versionIdOf } from './names.ts';

export const versionSchema = z
  .strictObject({
    id: z.string(),
    created_at: z.iso.datetime().meta({ description: 'Always the same; kept for clients' }),
    cog_version: z.literal('').meta({ description: 'Not built by Cog' }),
    openapi_schema: z
      .record(z.string(), z.json())
      .meta({ description: 'Holds the schemas `Input` and `Output`' }),
  })
  .meta({ id: 'ReplicateVersion' });

export const modelSchema = z
  .strictObject({
    url: z.string(),
    owner: z.literal(owner),
    name: z.string(),
    description: z.string(),
    visibility: z.literal('private'),
    is_official: z.literal(false),
    github_url: z.null(),
    paper_url: z.null(),
    license_url: z.null(),
    run_count: z.literal(0).meta({ description: 'Not counted here' }),
    cover_image_url: z.null(),
    default_example: z.null(),
    latest_version: versionSchema,
  })
  .meta({ id: 'ReplicateModel' });

export type ReplicateModel = z.infer<typeof modelSchema>;
export type ReplicateVersion = z.infer<typeof versionSchema>;

const lists = { previous: z.null(), next: z.null() };

export const modelPageSchema = z
  .strictObject({ ...lists, results: z.array(modelSchema) })
  .meta({ id: 'ReplicateModelPage' });

export const versionPageSchema = z
  .strictObject({ ...lists, results: z.array(versionSchema) })
  .meta({ id: 'ReplicateVersionPage' });

export function presentModel(manifest: Manifest, apiUrl: string): ReplicateModel {
  return {
    url: `${apiUrl}/replicate/v1/models/${owner}/${manifest.id}`,
    owner,
    name: manifest.id,
    description: manifest.description,
    visibility: 'private',
    is_official: false,
    github_url: null,
    paper_url: null,
    license_url: null,
    run_count: 0,
    cover_image_url: null,
    default_example: null,
    latest_version: presentVersion(manifest),
  };
}

export function presentVersion(manifest: Manifest): ReplicateVersion {
  // Parsed from JSON, so it is JSON; the manifest's loose type does not say so.
  const Input = z.record(z.string(), z.json()).parse(manifest.input_schema);
  return {
    id: versionIdOf(manifest),
    created_at: new Date(0).toISOString(),
    // Not null: the client of PyPI takes text alone, and could not read a model.
    cog_version: '',
    openapi_schema: {
      openapi: '3.0.2',
      components: { schemas: { Input, Output: outputSchemaOf(manifest) } },
    },
  };
}

/** The original's marks tell its clients whether an output is joined or read as files. */
function outputSchemaOf({ task }: Manifest): Parameters {
  const list = { type: 'array', title: 'Output' };
  if (task === 'text-to-image') return { ...list, items: { type: 'string', format: 'uri' } };
  const text = { 'x-cog-array-type': 'iterator', 'x-cog-array-display': 'concatenate' };
  return { ...list, ...text, items: { type: 'string' } };
}
