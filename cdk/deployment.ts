/** What every stack is made from. */
import type { Manifest } from '#core/models/manifest.ts';
import type { Config } from './config.ts';

export interface Deployment {
  readonly config: Config;
  /** Of the models that its pools serve, and of no others. */
  readonly manifests: readonly Manifest[];
}

export function deploymentOf(config: Config, manifests: readonly Manifest[]): Deployment {
  const served = new Set(Object.values(config.pools).flatMap(({ models }) => models));
  return { config, manifests: manifests.filter(({ id }) => served.has(id)) };
}
