/**
 * From what a request says of its model to the model: itself, or what an alias gives this tenant for a picture of this
 * size, if the tenant may use it. An alias is named as such (`family:alias`) or by a family and a quality.
 */
import type { ErrorDetail } from '../errors.ts';
import { askedSize } from '../models/asked-size.ts';
import type { Catalog, Model } from '../models/manifest.ts';
import type { Quant } from '../models/memory.ts';
import type { Aliases } from '../ports/tenancy.ts';
import type { AliasRecord, Quality } from '../tenancy/alias.ts';
import { aliasId, chooseVersion, qualities, readAliasId, versionsForSize } from '../tenancy/alias.ts';

export interface ResolvePorts {
  readonly aliases: Pick<Aliases, 'get'>;
  readonly catalog: Catalog;
}

export interface ModelAsk {
  readonly tenantId: string;
  /** A model id or `family:alias`; with a quality, a family. */
  readonly name: string;
  readonly quality: Quality | null;
  /** As it was sent: the model that checks it is not known yet. */
  readonly input: unknown;
  /** Model ids that tenant and key may use; null: every one. */
  readonly granted: readonly string[] | null;
  /**
   * The form of weights that the tenant's jobs run on.
   * @default the model as it is
   */
  readonly quant?: Quant | undefined;
}

export type ModelAnswer =
  | { readonly kind: 'model'; readonly model: Model }
  | { readonly kind: 'model_not_found' }
  | { readonly kind: 'model_not_granted' }
  /** There is no such quality, or no version takes the size. */
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] };

/**
 * One read, and only for an alias. It chooses among the versions that the tenant may use. A tenant with a form of weights
 * is given the variant of that form where the model has one, and the model itself where not: who may use the model may
 * use its variants, because the operator chose the form, and the request did not.
 */
export async function resolveModel(ports: ResolvePorts, ask: ModelAsk): Promise<ModelAnswer> {
  const answer = await resolveName(ports, ask);
  if (answer.kind !== 'model' || ask.quant === undefined) return answer;
  return {
    kind: 'model',
    model: ports.catalog.variantOf(answer.model.manifest.id, ask.quant) ?? answer.model,
  };
}

async function resolveName(ports: ResolvePorts, ask: ModelAsk): Promise<ModelAnswer> {
  const { catalog } = ports;
  const { name, quality, granted } = ask;
  const id = quality === null ? readAliasId(name) : readAliasId(aliasId({ family: name, name: quality }));
  const alias = id === null ? null : await ports.aliases.get(id.family, id.name);
  if (alias !== null) return fromAlias(catalog, ask, alias);
  if (quality !== null) return withoutTier(ports, { name, quality });
  const model = catalog.get(name);
  if (model === null) return { kind: 'model_not_found' };
  const isGranted = granted === null || granted.includes(name);
  return isGranted ? { kind: 'model', model } : { kind: 'model_not_granted' };
}

function fromAlias(
  catalog: Catalog,
  { tenantId, input, granted }: ModelAsk,
  alias: AliasRecord,
): ModelAnswer {
  const usable = alias.versions.filter(({ model }) => granted === null || granted.includes(model));
  if (usable.length === 0) return { kind: 'model_not_granted' };
  const size = askedSize(input);
  const versions = versionsForSize(usable, size?.pixels ?? null);
  if (size !== null && versions.length === 0) {
    const most = Math.max(...usable.map(({ pixelsMax = 0 }) => pixelsMax));
    const message = `asks for ${size.pixels} pixels; ${aliasId(alias)} takes at most ${most}`;
    return { kind: 'invalid', details: [{ path: size.path, message }] };
  }
  // A model may have left the catalog since the alias was set.
  const model = catalog.get(chooseVersion({ ...alias, versions }, tenantId));
  return model === null ? { kind: 'model_not_found' } : { kind: 'model', model };
}

/** Says which qualities there are. */
async function withoutTier(
  { aliases, catalog }: ResolvePorts,
  { name, quality }: { readonly name: string; readonly quality: Quality },
): Promise<ModelAnswer> {
  const invalid = (message: string): ModelAnswer => ({
    kind: 'invalid',
    details: [{ path: 'quality', message }],
  });
  if (readAliasId(name) !== null) return invalid(`goes with a model, not with the alias ${name}`);
  const isFamily = readAliasId(aliasId({ family: name, name: quality })) !== null;
  const others = qualities.filter((each) => each !== quality);
  const found = isFamily ? await Promise.all(others.map((each) => aliases.get(name, each))) : [];
  const there = found.flatMap((alias) => (alias === null ? [] : [alias.name]));
  if (there.length > 0) return invalid(`${name} has no quality ${quality}; it has ${there.join(', ')}`);
  return catalog.get(name) === null ? { kind: 'model_not_found' } : invalid(`${name} has no qualities`);
}
