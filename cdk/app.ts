/**
 * Entry of `cdk`: reads the config, composes the stacks, and has cdk-nag look at them. `-c config=FILE` names another config
 * than `pilotlight.config.ts`. A fault that a person can mend ends it with one line for each and exit code 2.
 */
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import * as z from 'zod';
import { readManifests } from '#aws/manifest-files.ts';
import { StartError } from '#core/errors.ts';
import { composeStacks } from './compose.ts';
import { parseConfig } from './config.ts';
import { deploymentOf } from './deployment.ts';

const root = dirname(import.meta.dirname);

async function main(): Promise<void> {
  const app = new App();
  const file = z.string().default('pilotlight.config.ts').parse(app.node.tryGetContext('config'));
  const manifests = await readManifests(join(root, 'gpu-container/models'));
  const outcome = parseConfig(await readConfigFile(resolve(root, file)), manifests);
  if (outcome.kind === 'invalid') {
    const lines = outcome.faults.map(({ path, message }) => `\n  ${path}: ${message}`);
    throw new StartError('invalid_config', `${file}:${lines.join('')}`);
  }
  composeStacks(app, deploymentOf(outcome.config, manifests));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  app.synth();
}

/** @throws StartError `invalid_config` for a file that is not there or has no `config` */
async function readConfigFile(path: string): Promise<unknown> {
  let module: unknown;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new StartError('invalid_config', `${path}: ${error instanceof Error ? error.message : ''}`, error);
  }
  const parsed = z.object({ config: z.unknown() }).safeParse(module);
  if (parsed.success && parsed.data.config !== undefined) return parsed.data.config;
  throw new StartError('invalid_config', `${path}: exports no config`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
