/** The templates of a config, as `cdk synth` makes them but without bundles, so that a test waits for none. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { readManifests } from '#aws/manifest-files.ts';
import { composeStacks } from '../../cdk/compose.ts';
import { parseConfig } from '../../cdk/config.ts';
import { deploymentOf } from '../../cdk/deployment.ts';
import { config as agency } from '../../cdk/examples/agency.ts';
import { config as smallest } from '../../cdk/examples/smallest.ts';
import { config as spotFarm } from '../../cdk/examples/spot-farm.ts';
import type { Resource } from '../../cdk/resources-of.ts';
import { resourcesOf } from '../../cdk/resources-of.ts';

const root = dirname(dirname(import.meta.dirname));

export const examples = { smallest, agency, 'spot-farm': spotFarm } as const;

/** The smallest one, of which nothing is to be left when it is taken down. */
export const leavesNothing = { ...smallest, onDestroy: 'delete' } as const;

export const manifests = await readManifests(join(root, 'gpu-container/models'));

const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));

export interface Synthesized {
  readonly app: App;
  readonly templates: ReadonlyMap<string, Template>;
  readonly resources: readonly Resource[];
  ofType(type: string): readonly Resource[];
}

const made = new Map<unknown, Synthesized>();

/** The same object for the same config. @throws when it has faults, with all of them */
export function synthesize(input: unknown): Synthesized {
  const before = made.get(input);
  if (before !== undefined) return before;
  const synthesized = synthesizeAnew(input);
  made.set(input, synthesized);
  return synthesized;
}

/** @throws as {@link synthesize} */
export function synthesizeAnew(input: unknown): Synthesized {
  const outcome = parseConfig(input, manifests);
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.faults));
  const app = new App({ context: { ...context, 'aws:cdk:bundling-stacks': [] } });
  const stacks = Object.values(composeStacks(app, deploymentOf(outcome.config, manifests)));
  const templates = new Map(stacks.map((stack) => [stack.stackName, Template.fromStack(stack)]));
  const resources = resourcesOf(app);
  return { app, templates, resources, ofType: (type) => resources.filter((each) => each.type === type) };
}

/** Of every resource of the API, its whole path. */
export function pathsOf(parts: readonly Resource[]): ReadonlyMap<string, string> {
  const byId = new Map(parts.map((part) => [part.id, part]));
  const pathOf = (id: string | undefined): string => {
    const part = id === undefined ? undefined : byId.get(id);
    return part === undefined ? '' : `${pathOf(part.properties.ParentId.Ref)}/${part.properties.PathPart}`;
  };
  return new Map(parts.map(({ id }) => [id, pathOf(id)]));
}
