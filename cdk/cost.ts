/** What a deployment costs, idle and by the job, from the templates that its config makes. Asks nobody: an account is not needed. */
import { dirname, join, resolve } from 'node:path';
import { App } from 'aws-cdk-lib';
import { readManifests } from '#aws/manifest-files.ts';
import { composeStacks } from './compose.ts';
import type { Config } from './config.ts';
import { deploymentOf } from './deployment.ts';
import type { IdleCost } from './idle-cost.ts';
import { diskUsdMicrosPerMonth, idleCost } from './idle-cost.ts';
import { instanceTypes, pricesOf } from './instance-types.ts';
import type { JobCost } from './job-cost.ts';
import { jobCost, requestPricesOf } from './job-cost.ts';
import { jobUnits } from './job-units.ts';
import { readConfigFile } from './read-config-file.ts';
import { resourcesOf } from './resources-of.ts';

export interface CostAsk {
  /** Of the deployment; from `cwd`. */
  readonly configFile: string;
  readonly cwd: string;
}

export interface Cost {
  /** Days on which the prices were noted down. */
  readonly pricesOf: { readonly instances: string; readonly requests: string };
  readonly idle: IdleCost;
  /** For each way that a job may go, as `npm run bench -- units` counted it. */
  readonly jobs: readonly (JobCost & { readonly what: string })[];
  readonly instances: readonly InstanceCost[];
}

/** An instance of a pool: up, on demand, which is what a job's GPU time goes by; and stopped, which is a warm one's bill. */
export interface InstanceCost {
  readonly pool: string;
  readonly instanceType: string;
  readonly usdMicrosPerHour: number;
  readonly warmUsdMicrosPerMonth: number;
}

const root = dirname(import.meta.dirname);

/** @throws StartError `invalid_config`, with every fault of the config in a line */
export async function costOf({ configFile, cwd }: CostAsk): Promise<Cost> {
  const manifests = await readManifests(join(root, 'gpu-container/models'));
  const config = await readConfigFile(resolve(cwd, configFile), configFile, manifests);
  // What a function costs does not depend on its code: none needs to be bundled.
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  composeStacks(app, deploymentOf(config, manifests));
  const resources = resourcesOf(app);
  return {
    pricesOf: { instances: pricesOf, requests: requestPricesOf },
    idle: idleCost(resources, config.pools),
    jobs: jobUnits.map(({ what, counts }) => ({ what, ...jobCost(counts, resources) })),
    instances: instanceCosts(config.pools),
  };
}

function instanceCosts(pools: Config['pools']): InstanceCost[] {
  return Object.entries(pools).map(([pool, own]) => ({
    pool,
    instanceType: own.instanceType,
    usdMicrosPerHour: instanceTypes[own.instanceType].usdMicrosPerHour,
    warmUsdMicrosPerMonth: diskUsdMicrosPerMonth(own),
  }));
}
