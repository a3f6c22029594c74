/**
 * Entry of `cdk`: reads the config, composes the stacks, and has cdk-nag look at them. `-c config=FILE` names another config
 * than `pilotlight.config.ts`. A fault that a person can mend ends it with one line for each and exit code 2.
 */
import { dirname, join, resolve } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import * as z from 'zod';
import { readManifests } from '#aws/manifest-files.ts';
import { StartError } from '#core/errors.ts';
import { composeStacks } from './compose.ts';
import { deploymentOf } from './deployment.ts';
import { readConfigFile } from './read-config-file.ts';

const root = dirname(import.meta.dirname);

async function main(): Promise<void> {
  const app = new App();
  const file = z.string().default('pilotlight.config.ts').parse(app.node.tryGetContext('config'));
  const manifests = await readManifests(join(root, 'gpu-container/models'));
  const config = await readConfigFile(resolve(root, file), file, manifests);
  composeStacks(app, deploymentOf(config, manifests));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  app.synth();
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
