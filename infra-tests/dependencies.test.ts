/** What we depend on: pinned, with a hash, under a licence that lets people run this in their own account. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = dirname(import.meta.dirname);

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      integrity: z.string().optional(),
      /** A folder of this repository. */
      link: z.boolean().default(false),
      /** Asked for by nothing that is shipped. */
      dev: z.boolean().default(false),
      /** Comes inside another package, under that one's hash. */
      inBundle: z.boolean().default(false),
    }),
  ),
});
const projectSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
});

const billSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.enum(['1.5', '1.6']),
  components: z.array(
    z.object({
      type: z.literal('library'),
      'bom-ref': z.string(),
      name: z.string(),
      version: z.string(),
      purl: z.string().startsWith('pkg:npm/'),
    }),
  ),
});

const permissive = new Set([
  'MIT',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
]);

/** Under other licences, and why that is no matter here. */
const excepted: readonly (readonly [name: RegExp, licence: string, why: string])[] = [
  [
    /^@img\/sharp-/,
    'LGPL-3.0-or-later',
    'libvips: a shared library, linked at run time, that anybody can replace',
  ],
  [/^lightningcss/, 'MPL-2.0', 'part of the test runner, shipped to nobody'],
  [/^argparse$/, 'Python-2.0', "of the generator of the client's types, shipped to nobody"],
  [/^runpod-sdk$/, '', 'names no licence; tests drive it as it is, and it is shipped to nobody'],
];

const { packages } = lockSchema.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
const projects = ['package.json', 'clients/typescript/package.json'].map((file) =>
  projectSchema.parse(JSON.parse(readFileSync(join(root, file), 'utf8'))),
);
const installed = Object.entries(packages)
  .filter(([path, { link }]) => path.includes('node_modules/') && !link)
  .map(([path, entry]) => ({ name: path.split('node_modules/').at(-1) ?? path, ...entry }));

describe('dependencies', () => {
  it('are found at all', () => {
    expect(installed.length).toBeGreaterThan(100);
  });

  it('are asked for by one version each, never by a range', () => {
    const asked = projects.flatMap(({ dependencies, devDependencies, optionalDependencies }) =>
      Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }),
    );

    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('carry a hash that npm holds them to', () => {
    const own = installed.filter(({ inBundle }) => !inBundle);

    expect(own.filter(({ integrity }) => !integrity?.startsWith('sha512-')).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it('have a licence of the list, or an exception with its reason', () => {
    const others = installed.filter(({ name, license = '' }) => !isAllowed(name, license));

    expect(others.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
  });

  it('have no exception that nothing needs', () => {
    const unused = excepted.filter(([name]) => !installed.some((each) => name.test(each.name)));

    expect(unused).toEqual([]);
  });
});

describe('install scripts', () => {
  it('of npm packages never run', () => {
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });

  it('of Python packages never run, because only built ones of known hashes are installed', () => {
    const installer = readFileSync(join(root, 'tools', 'python-tests.mjs'), 'utf8');

    expect(installer).toContain("'--require-hashes', '--only-binary', ':all:'");
  });
});

describe('the Python packages of the tests', () => {
  const requirements = readRequirements('tools/requirements-test.txt');

  it('are one version each, with the hashes of its files', () => {
    const loose = requirements.filter(
      (each) => !/^[\w.-]+==[\w.]+( ;.*?)?( --hash=sha256:[0-9a-f]{64})+$/.test(each),
    );

    expect(requirements.length).toBeGreaterThan(20);
    expect(loose).toEqual([]);
  });

  it('hold every one that is asked for, at the version that is asked for', () => {
    const files = ['tools/requirements-test.in', 'gpu-container/runtime/requirements.txt'];
    // By hashes of its index: see tools/python-tests.mjs.
    const asked = files.flatMap(readRequirements).filter((each) => !/^(-r |torch==)/.test(each));
    const locked = new Set(requirements.map((each) => each.split(' ')[0]));

    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((each) => !locked.has(each))).toEqual([]);
  });
});

describe('the bill of materials', () => {
  it('of npm packages is CycloneDX, and names what is shipped, each at its version, and nothing else', () => {
    const { status, stdout } = spawnSync('npm', ['run', '--silent', 'sbom'], { cwd: root, encoding: 'utf8' });
    expect(status).toBe(0);
    const bill = billSchema.parse(JSON.parse(stdout));
    const named = new Set(bill.components.map(({ name, version }) => `${name}@${version}`));
    const references = bill.components.map((each) => each['bom-ref']);

    const asked = Object.entries(projects[0]?.dependencies ?? {}).map(
      ([name, version]) => `${name}@${version}`,
    );
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter((each) => !named.has(each))).toEqual([]);
    const shipped = installed.filter(({ dev }) => !dev).map(({ name, version }) => `${name}@${version}`);
    expect(shipped.filter((each) => !named.has(each))).toEqual([]);
    const tools = installed.filter(({ dev }) => dev).map(({ name, version }) => `${name}@${version}`);
    expect(tools.filter((each) => named.has(each) && !shipped.includes(each))).toEqual([]);
    expect(new Set(references).size).toBe(references.length);
  });
});

describe('workflows', () => {
  it('name every action by the hash of a commit', () => {
    const files = globSync('.github/{workflows,actions}/**/*.{yml,yaml}', { cwd: root });

    const loose = files.flatMap((file) => looseActions(readFileSync(join(root, file), 'utf8')));

    expect(loose).toEqual([]);
  });

  it('would be caught: an action by its tag or branch', () => {
    const text = `
      - uses: actions/checkout@v4
      - uses: ./.github/actions/own
      - uses: "actions/cache@main" # latest
      - uses: actions/setup-node@${'0a'.repeat(20)} # v4.1.0`;

    expect(looseActions(text)).toEqual(['actions/checkout@v4', 'actions/cache@main']);
  });
});

/** Actions of others that a tag or a branch names, which their owner can move. */
function looseActions(workflow: string): string[] {
  return [...workflow.matchAll(/\buses:\s*["']?([^\s"'#]+)/g)]
    .map(([, action = '']) => action)
    .filter((action) => !action.startsWith('./') && !/@[0-9a-f]{40}$/.test(action));
}

/** One line each, comments and line ends within taken out. */
function readRequirements(file: string): string[] {
  return readFileSync(join(root, file), 'utf8')
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
}

/** `A OR B`: one of them is enough. `A AND B`: each must be. */
function isAllowed(name: string, licence: string): boolean {
  const plain = licence.replaceAll(/[()]/g, '');
  const isFine = (each: string) =>
    permissive.has(each) || excepted.some(([pattern, other]) => pattern.test(name) && other === each);
  return plain.split(' OR ').some((choice) => choice.split(' AND ').every(isFine));
}
