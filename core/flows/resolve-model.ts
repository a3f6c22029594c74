/** From the name in a request to a model: itself, or what an alias gives this tenant, if the tenant may use it. */
import type { Catalog, Model } from '../models/manifest.ts';
import type { Quant } from '../models/memory.ts';
import type { Aliases } from '../ports.ts';
import { chooseVersion, readAliasId } from '../tenancy/alias.ts';

export interface ModelAsk {
  readonly tenantId: string;
  /** A model id or `family:alias`. */
  readonly name: string;
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
  | { readonly kind: 'model_not_granted' };

/**
 * One read, and only for a name with a colon. An alias chooses among the versions that the tenant may use. A tenant with
 * a form of weights is given the variant of that form where the model has one, and the model itself where not: who may
 * use the model may use its variants, because the operator chose the form, and the request did not.
 */
export async function resolveModel(ports: ModelPorts, ask: ModelAsk): Promise<ModelAnswer> {
  const answer = await resolveName(ports, ask);
  if (answer.kind !== 'model' || ask.quant === undefined) return answer;
  return {
    kind: 'model',
    model: ports.catalog.variantOf(answer.model.manifest.id, ask.quant) ?? answer.model,
  };
}

interface ModelPorts {
  readonly aliases: Pick<Aliases, 'get'>;
  readonly catalog: Catalog;
}

async function resolveName(
  { aliases, catalog }: ModelPorts,
  { tenantId, name, granted }: ModelAsk,
): Promise<ModelAnswer> {
  const isGranted = (model: string) => granted === null || granted.includes(model);
  const alias = await findAlias(aliases, name);
  if (alias === null) {
    const model = catalog.get(name);
    if (model === null) return { kind: 'model_not_found' };
    return isGranted(name) ? { kind: 'model', model } : { kind: 'model_not_granted' };
  }
  const versions = alias.versions.filter(({ model }) => isGranted(model));
  if (versions.length === 0) return { kind: 'model_not_granted' };
  // A model may have left the catalog since the alias was set.
  const model = catalog.get(chooseVersion({ ...alias, versions }, tenantId));
  return model === null ? { kind: 'model_not_found' } : { kind: 'model', model };
}

async function findAlias(aliases: Pick<Aliases, 'get'>, name: string) {
  const id = readAliasId(name);
  return id === null ? null : aliases.get(id.family, id.name);
}
