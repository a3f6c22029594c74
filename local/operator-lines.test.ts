/**
 * The operator's day at the command line, as the documentation writes it: every line through a shell, by the program that
 * people install, against a whole stack. The lines stand in the order in which a new operator would try them.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const root = dirname(import.meta.dirname);
const folder = mkdtempSync(join(tmpdir(), 'pilotlight-lines-'));
let platform: Platform;
let ownPort: number;

beforeAll(async () => {
  ownPort = await freePort();
  mkdirSync(join(folder, 'bin'));
  symlinkSync(join(root, 'cli', 'pilotlight.mjs'), join(folder, 'bin', 'pilotlight'));
  platform = await startPlatform({
    port: 0,
    dataDir: join(folder, '.pilotlight'),
    modelsDir: modelsWithVersions(),
    workersMin: 0,
    workersMax: 1,
    idleTimeoutMs: 60_000,
  });
});
afterAll(async () => {
  await platform.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The models of the checkout, and two versions of one family for the alias to point at. */
function modelsWithVersions(): string {
  const models = join(folder, 'models');
  cpSync(join(root, 'gpu-container', 'models'), models, { recursive: true });
  for (const version of ['v1', 'v2']) {
    const fake: unknown = JSON.parse(readFileSync(join(models, 'fake', 'manifest.json'), 'utf8'));
    const id = `z-image-turbo-${version}`;
    mkdirSync(join(models, id));
    writeFileSync(join(models, id, 'manifest.json'), JSON.stringify(Object.assign({}, fake, { id })));
  }
  return models;
}

const lines: readonly (readonly [line: string, says: RegExp])[] = [
  [
    'pilotlight tenants add companyA --plan pro --gpu-memory 10G --rpm-limit 30 --quant int4 --volume encrypted',
    /gpu_memory_gb +10(.|\n)*plk_/,
  ],
  ['pilotlight tenants add companyB --plan pro --port OWN_PORT', /OWN_PORT/],
  ['pilotlight tenants list', /companyA(.|\n)*companyB/],
  ['pilotlight tenants show companyA', /requests_per_minute/],
  ['pilotlight tenants update companyB --set open_jobs_max=15', /open_jobs_max/],
  ['pilotlight tenants add companyC', /plk_/],
  ['pilotlight tenants update companyC --set class_default=batch', /class_default +batch +own/],
  [
    'pilotlight tenants update companyC --set storage_gb_max=5 --set tokens_per_minute=20000',
    /storage_gb_max +5 +own/,
  ],
  ['pilotlight tenants update companyC --gpu-memory 15G', /gpu_memory_gb +15/],
  ['pilotlight capacity --gpu a100-80 --model qwen3-vl-8b', /process +6 /],
  ['pilotlight capacity --gpu l4-24 --model pilotlight-shapes --gpu-memory 2G', /the deployment's manifest/],
  ['pilotlight keys rotate --tenant companyA --overlap 24h', /plk_/],
  ['pilotlight keys create --tenant companyA', /plk_/],
  ['pilotlight keys list --tenant companyA', /expiring/],
  [`pilotlight keys revoke --tenant companyA ${newestOf('keys list --tenant companyA', 'id')}`, /revoked/],
  ['pilotlight plans list', /vip/],
  ['pilotlight plans set studio --weight 8 --set open_jobs_max=50', /studio/],
  ['pilotlight models list', /pilotlight-shapes/],
  ['pilotlight models show pilotlight-shapes', /prompt/],
  ['pilotlight models grant companyA pilotlight-shapes', /pilotlight-shapes/],
  ['pilotlight aliases set z-image-turbo stable=v1:90,v2:10', /z-image-turbo:stable/],
  ['pilotlight aliases list', /v1 .*90/],
  ['pilotlight aliases set z-image-turbo auto=v1:100@512,v2:100', /v1 .* 512x512 +100\.0 %/],
  ['pilotlight aliases set z-image-turbo high=v2', /z-image-turbo:high/],
  ['pilotlight aliases set draw high=pilotlight-shapes', /draw:high/],
  ['pilotlight generate "a red ring" --model draw --quality high --size 64 -o high.png', /saved +high\.png/],
  ['pilotlight generate "a red ring above a blue square" -o out.png', /saved +out\.png/],
  ['pilotlight jobs list', /succeeded/],
  [`pilotlight jobs show ${newestOf('jobs list', 'id')}`, /a red ring above a blue square/],
  [`pilotlight jobs watch ${newestOf('jobs list', 'id')}`, /succeeded/],
  [`pilotlight jobs cancel ${newestOf('jobs list', 'id')}`, /succeeded/],
  ['pilotlight usage --by tenant,day --csv', /^tenant,day/],
  ['pilotlight costs', /demo/],
  ['pilotlight pools list', /^demo +(warm|idle) /m],
  ['pilotlight fleet', /^worker_\S+ +demo +serving /m],
  ['pilotlight pools pause demo', /^paused +since /m],
  ['pilotlight pools show demo', /^paused +since /m],
  ['pilotlight pools resume demo', /^state +(warm|idle) /m],
  ['pilotlight pools drain demo', /^draining +since /m],
  ['pilotlight pools prewarm demo --workers 1 --for 30s', /^prewarm +1 up until /m],
  ['pilotlight models warmup pilotlight-shapes --for 10m', /^cost +\$/m],
  ['pilotlight tenants jobs demo --status succeeded', /succeeded +pilotlight-shapes/],
  [
    `pilotlight jobs refund ${newestOf('jobs list --model pilotlight-shapes', 'id')} --tenant demo --reason late`,
    /^given back +\$/m,
  ],
  ['pilotlight tenants ledger demo', / refund +.* -\$.* +late$/m],
  ['pilotlight tenants suspend companyB', /suspended/],
  ['pilotlight tenants remove companyB', /deleted/],
  ['pilotlight plans remove studio', /studio/],
  ['pilotlight aliases remove z-image-turbo:stable', /stable/],
];

describe('every line of the operator runs as it is written', () => {
  it.each(lines)('%s', { timeout: 180_000 }, async (line, says) => {
    const { stdout, stderr } = await shell(line.replace('OWN_PORT', String(ownPort)));

    expect(`${stdout}${stderr}`).toMatch(
      new RegExp(says.source.replace('OWN_PORT', String(ownPort)), says.flags),
    );
  });
});

/** A shell word: the field of the first row, as a script would read it. */
function newestOf(list: string, field: string): string {
  return `$(pilotlight ${list} --json | node -p 'JSON.parse(fs.readFileSync(0)).data[0].${field}')`;
}

/** Rejects with what the program wrote when it does not end with 0. */
function shell(line: string): Promise<{ stdout: string; stderr: string }> {
  const { PATH = '', HOME } = process.env;
  const env = { PATH: `${join(folder, 'bin')}:${PATH}`, HOME };
  return promisify(execFile)('sh', ['-c', line], { cwd: folder, env });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
