/**
 * An alias: a name under which requests reach one of several models. `z-image-turbo:stable` is the alias `stable` of the
 * family `z-image-turbo`; the colon keeps it apart from every model id. A request that says `quality: high` of a family
 * means its alias `high`. Which version a request gets depends on its size first, then on its tenant, by weight.
 */
import * as z from 'zod';
import { digest } from '../canonical.ts';
import type { Catalog } from '../models/manifest.ts';

/** A family need not be a model itself: `z-image-turbo` may have only `z-image-turbo-v1` and `z-image-turbo-v2`. */
export const aliasNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'must be 1 to 63 of a-z, A-Z, 0-9, _ and -, starting with a letter or digit',
  );

/** Tiers that a request may name instead of an alias; which models, and so which pools, they mean is the operator's. */
export const qualities = ['fast', 'high'] as const;

export type Quality = (typeof qualities)[number];

export const aliasRecordSchema = z.object({
  family: aliasNameSchema,
  name: aliasNameSchema,
  /**
   * `version` as the operator wrote it, `model` what it means. One with `pixelsMax` takes pictures up to that size;
   * weights share out the tenants among the versions of one size.
   */
  versions: z
    .array(
      z.object({
        version: z.string(),
        model: z.string(),
        weight: z.int().positive(),
        pixelsMax: z.int().positive().optional(),
      }),
    )
    .min(1),
  createdAtMs: z.int().nonnegative(),
  /** Counts the writes; a write names the one it replaces. */
  version: z.int().nonnegative(),
});

export type AliasRecord = z.infer<typeof aliasRecordSchema>;
export type AliasVersion = AliasRecord['versions'][number];

/** The two halves of `family:name`, or null when the text is no alias. */
export function readAliasId(model: string): { family: string; name: string } | null {
  const [family, name, ...rest] = model.split(':');
  if (family === undefined || name === undefined || rest.length > 0) return null;
  if (!aliasNameSchema.safeParse(family).success || !aliasNameSchema.safeParse(name).success) return null;
  return { family, name };
}

export function aliasId({ family, name }: Pick<AliasRecord, 'family' | 'name'>): string {
  return `${family}:${name}`;
}

/**
 * The model that a version of the family names: a model of its own (`z-image-turbo-v1` for `v1`), the family's model
 * at this revision, or a model by its whole id. Null when the catalog has none of them.
 */
export function modelOfVersion(catalog: Catalog, family: string, version: string): string | null {
  const sibling = catalog.get(`${family}-${version}`);
  if (sibling !== null) return sibling.manifest.id;
  const own = catalog.get(family);
  if (own !== null && own.manifest.revision === version) return own.manifest.id;
  return catalog.get(version)?.manifest.id ?? null;
}

/**
 * The versions for a picture of so many pixels: those of the smallest size that holds it, one without a bound being the
 * largest. Empty when it is too large for all of them. A request without a size, null, gets those of the smallest.
 */
export function versionsForSize(versions: readonly AliasVersion[], pixels: number | null): AliasVersion[] {
  const holding = versions.filter((version) => pixels === null || pixels <= sizeOf(version));
  const smallest = Math.min(...holding.map(sizeOf));
  return holding.filter((version) => sizeOf(version) === smallest);
}

function sizeOf({ pixelsMax }: AliasVersion): number {
  return pixelsMax ?? Number.POSITIVE_INFINITY;
}

/**
 * The model that this tenant gets. Sticky: the same tenant stays where it is while the weights stay, and a weight that
 * grows at the end moves only tenants into the version that grew.
 */
export function chooseVersion(alias: AliasRecord, tenantId: string): string {
  const total = alias.versions.reduce((sum, { weight }) => sum + weight, 0);
  // 48 bits: an exact number, and fine enough that no weight is off by more than 2^-40.
  const share = Number.parseInt(digest(`alias\0${aliasId(alias)}\0${tenantId}`).slice(0, 12), 16) / 2 ** 48;
  let rest = share * total;
  for (const { model, weight } of alias.versions) {
    rest -= weight;
    if (rest < 0) return model;
  }
  throw new Error(`the alias ${aliasId(alias)} has no version`);
}
