/** Prints what a deployment costs in a month in which nobody asks: `npm run cost -- cdk/examples/agency.ts`. */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App } from 'aws-cdk-lib';
import { readManifests } from '#aws/manifest-files.ts';
import { composeStacks } from '../cdk/compose.ts';
import { parseConfig } from '../cdk/config.ts';
import { deploymentOf } from '../cdk/deployment.ts';
import { idleCost } from '../cdk/idle-cost.ts';
import { pricesOf } from '../cdk/instance-types.ts';
import { resourcesOf } from '../cdk/resources-of.ts';

const [file = 'pilotlight.config.ts'] = process.argv.slice(2);
const manifests = await readManifests(join(import.meta.dirname, '../gpu-container/models'));
const { config } = await import(pathToFileURL(resolve(file)).href);
const outcome = parseConfig(config, manifests);

if (outcome.kind === 'invalid') {
  for (const { path, message } of outcome.faults) console.error(`${file}: ${path}: ${message}`);
  process.exitCode = 2;
} else {
  // Functions cost nothing idle: none needs to be bundled to know it.
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  composeStacks(app, deploymentOf(outcome.config, manifests));
  print(idleCost(resourcesOf(app), outcome.config.pools));
}

function print({ lines, usdMicrosPerMonth, unknown }: ReturnType<typeof idleCost>): void {
  for (const { what, count, usdMicrosPerMonth: each } of lines)
    console.log(`${dollars(each)}  ${count} x ${what}`);
  console.log(`${dollars(usdMicrosPerMonth)}  a month idle, at list prices of us-east-1 of ${pricesOf};`);
  console.log(
    '          stored GB on top: S3 $0.023, images $0.10, tables $0.45 with their backup, logs $0.03',
  );
  for (const type of unknown) console.log(`          not counted: ${type}`);
}

function dollars(usdMicros: number): string {
  return `$${(usdMicros / 1_000_000).toFixed(2)}`.padStart(9);
}
