/** The adapters of a job: which a request may name, and what they make of its batch key. */
import * as z from 'zod';
import { canonicalJson, digest } from '../canonical.ts';
import type { ErrorDetail } from '../errors.ts';
import { adapterLimits } from '../limits.ts';
import type { Manifest } from '../models/manifest.ts';
import type { AdapterRecord } from './adapter.ts';

export interface AskedAdapter {
  readonly id: string;
  readonly weight: number;
}

/** As the job's record keeps it: the file is named by its hash, so nothing that happens later makes it another one. */
export const jobAdapterSchema = z.object({
  id: z.string(),
  sha256: z.string(),
  bytes: z.int().nonnegative(),
  weight: z.number(),
});

export type JobAdapter = z.infer<typeof jobAdapterSchema>;

export type ChosenAdapters =
  | { readonly kind: 'adapters'; readonly adapters: readonly JobAdapter[] }
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] }
  /** One that is named is missing, another tenant's, not ready, or of another model. */
  | { readonly kind: 'invalid_adapter'; readonly details: readonly ErrorDetail[] };

/** What can be said of the adapters of a request before any is looked up; empty when nothing is wrong. */
export function faultsOfAdapters(asked: readonly AskedAdapter[], manifest: Manifest): ErrorDetail[] {
  if (asked.length === 0) return [];
  const { max } = manifest.adapters ?? { max: 0 };
  if (max === 0) return [{ path: 'adapters', message: 'the model takes no adapters' }];
  if (asked.length > max) return [{ path: 'adapters', message: `the model takes ${max} at most` }];
  return asked.flatMap(({ id }, index) =>
    asked.findIndex((other) => other.id === id) === index
      ? []
      : [{ path: `adapters.${index}.id`, message: 'is named twice' }],
  );
}

/**
 * The adapters of a request by what was found of each, in one order whatever order they came in: their changes add up.
 * @param found in the order of `asked`; null: the tenant has none of that id
 */
export function chooseAdapters(
  asked: readonly AskedAdapter[],
  found: readonly (AdapterRecord | null)[],
  manifest: Manifest,
): ChosenAdapters {
  const base = manifest.variant?.of ?? manifest.id;
  const details: ErrorDetail[] = [];
  const adapters: JobAdapter[] = [];
  for (const [index, { id, weight }] of asked.entries()) {
    const record = found[index] ?? null;
    const path = `adapters.${index}.id`;
    // One that is not ready is as good as none: nothing tells it from another tenant's.
    if (record?.status !== 'ready') details.push({ path, message: 'there is no such adapter' });
    else if (record.model !== base) details.push({ path, message: `is for the model ${record.model}` });
    else adapters.push({ id, sha256: record.sha256, bytes: record.bytes, weight });
  }
  if (details.length > 0) return { kind: 'invalid_adapter', details };
  return {
    kind: 'adapters',
    adapters: adapters.toSorted((left, right) => (left.id < right.id ? -1 : 1)),
  };
}

/**
 * Adapters are a state of the whole model, so jobs share a call only under the same ones at the same weights. Ids are
 * tenants' own: such a call is one tenant's.
 */
export function adaptedBatchKey(batchKey: string, adapters: readonly JobAdapter[]): string {
  if (adapters.length === 0) return batchKey;
  return digest(canonicalJson([batchKey, adapters.map(({ id, weight }) => [id, weight])])).slice(0, 16);
}

/** In a request. */
export const askedAdaptersSchema = z
  .array(
    z.strictObject({
      id: z.string().min(1).max(100),
      weight: z
        .number()
        .min(-adapterLimits.weightMax)
        .max(adapterLimits.weightMax)
        .default(1)
        .meta({ description: '0 is the plain model; below 0 draws the opposite' }),
    }),
  )
  .max(adapterLimits.perJobMax)
  .default([]);
