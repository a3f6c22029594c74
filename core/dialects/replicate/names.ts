/** How Replicate names models: by owner and name, and by the id of a version. */
import { digest } from '../../canonical.ts';
import type { Catalog, Model } from '../../models/manifest.ts';
import { modelNameOf } from '../owner.ts';

const versionForm = /^[0-9a-f]{64}$/;

/** 64 hex digits, as the original's: of one model in one revision, and of no other. */
export function versionIdOf({ id, revision }: { readonly id: string; readonly revision: string }): string {
  return digest(`version\0${id}\0${revision}`);
}

/**
 * What requests of ours call a `version`: the id of one, `pilotlight/<model>`, both with a colon between them, or the name
 * alone. Null: it is none of these.
 */
export function modelNameOfVersion(catalog: Pick<Catalog, 'list'>, version: string): string | null {
  if (versionForm.test(version)) return modelOfVersion(catalog, version)?.manifest.id ?? null;
  const slash = version.indexOf('/');
  if (slash === -1) return version;
  const [name = '', ...rest] = version.slice(slash + 1).split(':');
  const named = modelNameOf(version.slice(0, slash), name);
  const [id] = rest;
  if (id === undefined || named === null) return named;
  return rest.length === 1 && modelOfVersion(catalog, id)?.manifest.id === named ? named : null;
}

/** Null for versions of before: the catalog holds one revision of a model. */
export function modelOfVersion(catalog: Pick<Catalog, 'list'>, version: string): Model | null {
  return catalog.list().find(({ manifest }) => versionIdOf(manifest) === version) ?? null;
}
