import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEnv } from '#aws/env.ts';
import { moduleBuild } from '#cdk/module-build.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { eventOf } from './api-scene.ts';
import { apiEnvSchema, oidcOptionsOf } from './env.ts';

/** What a cold start reads and parses, and all that lies in the function. */
const startGzipBytesMax = 340_000;
const gzipBytesMax = 500_000;

const root = join(import.meta.dirname, '../..');

let folder = '';
const built = () => join(folder, 'built');

const env = {
  AWS_REGION: 'eu-central-1',
  PILOTLIGHT_TABLE: 'main',
  PILOTLIGHT_LEDGER_TABLE: 'ledger',
  PILOTLIGHT_BUCKET: 'bucket',
  PILOTLIGHT_QUEUE_URLS: '{"fake":"https://sqs.eu-central-1.amazonaws.com/1/fake"}',
  PILOTLIGHT_KEY_PEPPER: 'p'.repeat(32),
  PILOTLIGHT_WEBHOOK_KEY: 'w'.repeat(32),
  PILOTLIGHT_SCALER_FUNCTION: 'scaler',
  PILOTLIGHT_EGRESS_FUNCTION: 'egress',
  PILOTLIGHT_MODELS_DIR: '/var/task/models',
};

/** Who else's code may be in the bundle beside the AWS SDK; the last two are what the SDK itself brings. */
const publishers = ['@middy', 'jose', 'mnemonist', 'obliterator', 'zod'];

let metafile: Metafile;

function bundle(outdir: string) {
  return build({ ...moduleBuild('functions/api/entry.ts', outdir), metafile: true });
}

/** Every module of the bundle by its path in it, and those of them that are loaded as it starts. */
async function modulesIn(outdir: string): Promise<ReadonlyMap<string, Buffer>> {
  const names = (await readdir(outdir, { recursive: true }))
    .filter((name) => name.endsWith('.mjs'))
    .toSorted();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(outdir, name))] as const)),
  );
}

function loadedAtStart({ outputs }: Metafile, outdir: string): ReadonlySet<string> {
  const named = new Map(Object.entries(outputs).map(([path, output]) => [join(root, path), output]));
  const loaded = new Set<string>();
  const open = [join(outdir, 'index.mjs')];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    const imports = named.get(path)?.imports ?? [];
    open.push(
      ...imports.flatMap((each) =>
        each.kind === 'import-statement' && !each.external ? join(root, each.path) : [],
      ),
    );
  }
  return new Set([...loaded].map((path) => relative(outdir, path)));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-entry-'));
  ({ metafile } = await bundle(built()));
});

afterAll(() => rm(folder, { recursive: true }));

describe('the bundle of the entry', () => {
  it('stays below 500 kB gzipped, SDK included', async () => {
    const bytes = [...(await modulesIn(built())).values()].reduce(
      (sum, each) => sum + gzipSync(each).length,
      0,
    );

    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThanOrEqual(gzipBytesMax);
  });

  it('has a cold start read 340 kB of it, and neither the API reference, nor JWTs, nor the client of Lambda', async () => {
    const modules = await modulesIn(built());
    const atStart = loadedAtStart(metafile, built());

    const bytes = [...atStart].map((name) => gzipSync(modules.get(name) ?? '').length);
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(startGzipBytesMax);
    const sources = Object.entries(metafile.outputs)
      .filter(([path]) => atStart.has(relative(built(), join(root, path))))
      .flatMap(([, { inputs }]) => Object.keys(inputs));
    const unneeded =
      /core\/api\/(openapi|reference\/)|\/jose\/|\/client-lambda\/|\/credential-provider-(ini|sso)\//;
    expect(sources.filter((path) => unneeded.test(path))).toEqual([]);
    expect(sources).toContain('functions/api/entry.ts');
  });

  it('is the same, byte for byte, when it is made again elsewhere, and names no path of the machine', async () => {
    const elsewhere = join(folder, 'elsewhere');
    await bundle(elsewhere);

    const modules = await modulesIn(elsewhere);

    expect(modules).toEqual(await modulesIn(built()));
    expect(modules.size).toBeGreaterThan(1);
    for (const bytes of modules.values()) {
      expect(bytes.includes(process.cwd())).toBe(false);
      expect(bytes.includes(folder)).toBe(false);
    }
  });

  it('holds code of five publishers beside the AWS SDK, and of no other', () => {
    const bundled = Object.values(metafile.outputs)
      .flatMap(({ inputs }) => Object.entries(inputs))
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0);

    const found = new Set(bundled.flatMap(([path]) => publisherOf(path) ?? []));

    expect([...found].filter((name) => !/^@(aws|aws-sdk|smithy)$/.test(name)).toSorted()).toEqual(publishers);
  });

  it('starts with nothing but its environment and a folder of models, and answers', async () => {
    const models = join(folder, 'models');
    await mkdir(join(models, fakeManifest.id), { recursive: true });
    await writeFile(join(models, fakeManifest.id, 'manifest.json'), JSON.stringify(fakeManifest));
    const event = eventOf('GET', '/openapi.json', {}, null);
    const script = `const { handler } = await import('./index.mjs');
      const { statusCode, body } = await handler(${JSON.stringify(event)}, {});
      console.log(JSON.stringify([statusCode, JSON.parse(body).openapi]));`;

    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { cwd: built(), env: { ...env, PILOTLIGHT_MODELS_DIR: models } },
    );

    expect(JSON.parse(stdout)).toEqual([200, '3.1.0']);
    expect(JSON.parse(stderr)).toMatchObject({ event: 'api.answered', route: 'getOpenapi', status: 200 });
  });
});

/** `@scope` or the name of the package that a file is of; null for our own. */
function publisherOf(path: string): string | null {
  return /.*node_modules\/(@[^/]+|[^/]+)\//.exec(path)?.[1] ?? null;
}

describe('the environment', () => {
  it('is taken when it is whole', () => {
    expect(parseEnv(apiEnvSchema, env)).toMatchObject({
      PILOTLIGHT_QUEUE_URLS: { fake: 'https://sqs.eu-central-1.amazonaws.com/1/fake' },
    });
  });

  it('is refused by the names of what is wrong, without the values', () => {
    const short = { ...env, PILOTLIGHT_KEY_PEPPER: 'short-secret', PILOTLIGHT_TABLE: undefined };

    expect(() => parseEnv(apiEnvSchema, short)).toThrow(/PILOTLIGHT_TABLE.*PILOTLIGHT_KEY_PEPPER/);
    expect(() => parseEnv(apiEnvSchema, short)).not.toThrow(/short-secret/);
  });
});

describe('the environment of an OIDC issuer', () => {
  const read = (given: Readonly<Record<string, string>>) =>
    oidcOptionsOf(parseEnv(apiEnvSchema, { ...env, ...given }));
  const PILOTLIGHT_OIDC_ISSUER = 'https://login.example/';

  it('is none when no issuer is named', () => {
    expect(read({})).toBeNull();
  });

  it('needs the issuer alone', () => {
    expect(read({ PILOTLIGHT_OIDC_ISSUER })).toEqual({
      issuer: PILOTLIGHT_OIDC_ISSUER,
      audience: 'pilotlight',
      jwksUrl: 'https://login.example/.well-known/jwks.json',
      tenantClaim: 'tenant',
      scopes: [],
    });
  });

  it('says where keys are, which claim names the tenant and what every token may do', () => {
    const options = read({
      PILOTLIGHT_OIDC_ISSUER,
      PILOTLIGHT_OIDC_AUDIENCE: 'https://api.example',
      PILOTLIGHT_OIDC_JWKS_URL: 'https://login.example/keys',
      PILOTLIGHT_OIDC_TENANT_CLAIM: 'custom:tenant',
      PILOTLIGHT_OIDC_SCOPES: 'jobs:read jobs:write',
    });

    expect(options).toMatchObject({
      audience: 'https://api.example',
      jwksUrl: 'https://login.example/keys',
      tenantClaim: 'custom:tenant',
      scopes: ['jobs:read', 'jobs:write'],
    });
  });

  it.each(['admin', 'jobs:read admin', 'everything'])('gives no token the scopes "%s"', (scopes) => {
    const given = { PILOTLIGHT_OIDC_ISSUER, PILOTLIGHT_OIDC_SCOPES: scopes };

    expect(() => read(given)).toThrow(/PILOTLIGHT_OIDC_SCOPES/);
  });
});
