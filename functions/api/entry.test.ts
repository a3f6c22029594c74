import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEnv } from '#aws/env.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { eventOf } from './api-scene.ts';
import { apiEnvSchema, oidcOptionsOf } from './env.ts';

/** A cold start reads the whole bundle. */
const gzipBytesMax = 500_000;

let folder = '';

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

function bundle(outfile: string) {
  return build({
    entryPoints: [new URL('./entry.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    minify: true,
    metafile: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-entry-'));
  ({ metafile } = await bundle(join(folder, 'entry.mjs')));
});

afterAll(() => rm(folder, { recursive: true }));

describe('the bundle of the entry', () => {
  it('stays below 500 kB gzipped, SDK included', async () => {
    const bytes = gzipSync(await readFile(join(folder, 'entry.mjs'))).length;

    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThanOrEqual(gzipBytesMax);
  });

  it('is the same, byte for byte, when it is made again elsewhere, and names no path of the machine', async () => {
    const elsewhere = join(folder, 'elsewhere', 'entry.mjs');
    await bundle(elsewhere);

    const bytes = await readFile(elsewhere);

    expect(bytes.equals(await readFile(join(folder, 'entry.mjs')))).toBe(true);
    expect(bytes.includes(process.cwd())).toBe(false);
    expect(bytes.includes(folder)).toBe(false);
  });

  it('holds code of five publishers beside the AWS SDK, and of no other', () => {
    const [output] = Object.values(metafile.outputs);
    const bundled = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);

    const found = new Set(bundled.flatMap(([path]) => publisherOf(path) ?? []));

    expect([...found].filter((name) => !/^@(aws|aws-sdk|smithy)$/.test(name)).toSorted()).toEqual(publishers);
  });

  it('starts with nothing but its environment and a folder of models, and answers', async () => {
    const models = join(folder, 'models');
    await mkdir(join(models, fakeManifest.id), { recursive: true });
    await writeFile(join(models, fakeManifest.id, 'manifest.json'), JSON.stringify(fakeManifest));
    const event = eventOf('GET', '/openapi.json', {}, null);
    const script = `const { handler } = await import('./entry.mjs');
      const { statusCode, body } = await handler(${JSON.stringify(event)}, {});
      console.log(JSON.stringify([statusCode, JSON.parse(body).openapi]));`;

    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      { cwd: folder, env: { ...env, PILOTLIGHT_MODELS_DIR: models } },
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
