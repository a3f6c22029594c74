/**
 * The import table of docs/architecture.md, checked over every import of the repository. Test files may reach further:
 * they are composition roots of their own.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = dirname(import.meta.dirname);

/** What an entry parses is a type for the CDK, and a schema for the entry alone. */
const typesOnly = [
  'aws/env.ts',
  'aws/cost-env.ts',
  'aws/fleet-env.ts',
  'gpu-container/worker/env.ts',
  'gpu-container/runner-host/env.ts',
  ...globSync('functions/*/env.ts', { cwd: root }),
];

/** What the files of a folder may import, besides themselves: folders, and packages by `npm:` name or pattern. */
const table: Record<string, readonly string[]> = {
  'core/flows': ['core', 'npm:zod'],
  'core/contract': ['core', 'npm:zod', 'npm:vitest', 'node:'],
  'core/api': ['core', 'npm:zod'],
  core: ['core', 'npm:zod', 'node:crypto'],
  aws: ['core', 'npm:@aws-sdk/', 'npm:@smithy/', 'npm:zod', 'node:'],
  sim: ['core', 'npm:zod', 'node:crypto', 'node:util'],
  'sim/world': ['core', 'sim', 'npm:zod', 'node:'],
  functions: ['core', 'aws', 'package.json', 'npm:@middy/', 'npm:aws-lambda', 'npm:jose', 'npm:zod', 'node:'],
  'functions/images': ['core', 'npm:sharp', 'npm:zod', 'node:'],
  'functions/egress': ['core', 'npm:undici', 'npm:zod', 'node:'],
  'gpu-container/protocol': ['core', 'npm:zod', 'node:'],
  'gpu-container/engines': [
    'core',
    'gpu-container/protocol',
    'npm:zod',
    'npm:onnxruntime-node',
    'npm:sharp',
    'node:',
  ],
  'gpu-container/image': ['npm:zod', 'node:'],
  // No SDK is in the container that has the card: nothing there could ask for credentials.
  'gpu-container/runner-host': [
    'core',
    'aws/env.ts',
    'aws/json-log.ts',
    'aws/system-clock.ts',
    'gpu-container/protocol',
    'npm:zod',
    'node:',
  ],
  'gpu-container/worker': [
    'core',
    'aws',
    'gpu-container/protocol',
    'gpu-container/engines/engine.ts',
    'gpu-container/runner-host',
    'npm:zod',
    'node:',
  ],
  local: ['core', 'aws', 'functions', 'package.json', 'npm:', 'node:'],
  // Programs of others import it: it stands alone.
  'clients/typescript': ['npm:openapi-fetch'],
  cli: [
    // Loaded on demand by the one command that prices the templates of a config, for an operator with a checkout.
    'cdk/cost.ts',
    'clients/typescript',
    'core/api',
    'core/models',
    'doctor/advice.ts',
    'doctor/diagnose.ts',
    'doctor/finding.ts',
    'doctor/job-lines.ts',
    'package.json',
    'npm:zod',
    'node:',
  ],
  doctor: [
    'core',
    'aws/manifest-files.ts',
    'aws/s3-weights.ts',
    'cdk/config.ts',
    'cdk/deployment.ts',
    'cdk/instance-types.ts',
    'cdk/pool-size.ts',
    'cdk/queries.ts',
    'cdk/read-config-file.ts',
    'cdk/zones.ts',
    'npm:@aws-sdk/',
    'npm:zod',
    'node:',
  ],
  cdk: [
    'core',
    'aws/resources.ts',
    'aws/keys.ts',
    'aws/operations.ts',
    'aws/manifest-files.ts',
    ...typesOnly,
    'npm:aws-cdk-lib',
    'npm:constructs',
    'npm:cdk-nag',
    'npm:esbuild',
    'npm:zod',
    'node:',
  ],
};

/** Rules import no flow: the arrows of the architecture point one way. */
const forbidden: readonly (readonly [from: string, to: string, except?: string])[] = [
  ['core', 'core/flows', 'core/flows'],
  ['core/api', 'core/flows'],
  ['core', 'core/contract', 'core/contract'],
];

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Scenes that only tests build; they reach as far as tests do. */
const testSupport: ReadonlySet<string> = new Set([
  'cli/operator-shell.ts',
  'cli/scripted-api.ts',
  'doctor/cloud-under-test.ts',
  'doctor/log-groups-under-test.ts',
  'aws/watched-clients.ts',
  'core/batch/jsonl.memory-child.ts',
  'core/flows/batch.memory-child.ts',
  'core/images/png-under-test.ts',
  'core/samples.ts',
  'functions/api/api-scene.ts',
  'functions/api/batch-scene.ts',
  'functions/api/dialects/openai/dialect-scene.ts',
  'functions/api/webhook-scene.ts',
  'functions/entry-scene.ts',
  'functions/egress/certificate-under-test.ts',
  'functions/egress/dns-under-test.ts',
  'functions/egress/servers-under-test.ts',
  'functions/api/refused-keys.ts',
  'functions/api/schema-inputs.ts',
  'gpu-container/engines/runner-under-test.ts',
  'gpu-container/runner-host/any-command-under-test.ts',
  'gpu-container/runner-host/host-under-test.ts',
  'gpu-container/worker/weights/weights-scene.ts',
  'local/canaries.ts',
  'local/emulators.crash-child.ts',
  'sim/fuzz-budget.ts',
  'sim/property-seed.ts',
]);

const isTest = (file: string) =>
  /\.(test|fuzz|contract|bench)\.ts$/.test(file) ||
  file.startsWith('core/contract/') ||
  testSupport.has(file);

const files = globSync(
  '{core,aws,sim,functions,gpu-container,local,cli,clients/typescript/src,cdk,doctor}/**/*.ts',
  { cwd: root },
);

const imports = files
  .filter((file) => !isTest(file))
  .flatMap((from) => importsOf(from).map((to) => ({ from, to })));

describe('imports', () => {
  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(imports).toContainEqual({ from: 'core/flows/submit.ts', to: 'core/admission/gate.ts' });
  });

  it('of every folder stay within the table', () => {
    expect(imports.filter((each) => !isAllowed(each))).toEqual([]);
  });

  it('never lead from a rule to a flow, or into the conformance suite', () => {
    const wrong = imports.filter(({ from, to }) =>
      forbidden.some(
        ([source, target, except]) =>
          isIn(from, source) && isIn(to, target) && !(except !== undefined && isIn(from, except)),
      ),
    );

    expect(wrong).toEqual([]);
  });

  it('of environments into the CDK are of types alone', () => {
    const values = globSync('cdk/**/*.ts', { cwd: root }).filter((file) =>
      /^import (?!type )[^;]*\/(?:\w+-)?env\.ts'/m.test(readFileSync(join(root, file), 'utf8')),
    );

    expect(values).toEqual([]);
  });

  it('would be caught: a rule that imports the SDK, a CLI that imports a flow', () => {
    expect(isAllowed({ from: 'core/job/job.ts', to: 'npm:@aws-sdk/client-sqs' })).toBe(false);
    expect(isAllowed({ from: 'cli/main.ts', to: 'core/flows/submit.ts' })).toBe(false);
    expect(isAllowed({ from: 'sim/memory/memory-jobs.ts', to: 'aws/keys.ts' })).toBe(false);
    expect(isAllowed({ from: 'cdk/app.ts', to: 'functions/api/handler.ts' })).toBe(false);
  });
});

function isAllowed({ from, to }: Import): boolean {
  const folder = Object.keys(table)
    .filter((each) => isIn(from, each))
    .toSorted((left, right) => right.length - left.length)[0];
  if (folder === undefined) return false;
  const allowed = [folder, ...(table[folder] ?? [])];
  return allowed.some((each) => (/^(npm|node):/.test(each) ? to.startsWith(each) : isIn(to, each)));
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Targets as repository paths, `npm:<package path>` or `node:<module>`. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|^import '([^']+)'/gm;
  return [...text.matchAll(pattern)].map((match) => resolve(file, match[1] ?? match[2] ?? match[3] ?? ''));
}

function resolve(file: string, target: string): string {
  if (target.startsWith('.')) return relative(root, join(root, dirname(file), target));
  if (target.startsWith('#gpu/')) return target.replace('#gpu/', 'gpu-container/');
  if (target.startsWith('#client/')) return target.replace('#client/', 'clients/typescript/src/');
  if (target.startsWith('#')) return target.slice(1);
  return target.startsWith('node:') ? target : `npm:${target}`;
}
