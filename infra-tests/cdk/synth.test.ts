import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSystem } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries } from '../../cdk/entries.ts';

const root = join(import.meta.dirname, '../..');

/** A machine with other work needs many times the 12 s of processor time that a synthesis takes. */
const synthMs = 600_000;

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-synth-'));
});

afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** As the CLI runs the app, on a machine without Docker, without an account and without a home. */
function synth(config: string, outdir: string): Promise<Run> {
  const context = { config, ...flags };
  const child = spawn(process.execPath, ['cdk/app.ts'], {
    cwd: root,
    env: { PATH: '', HOME: folder, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) },
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

const { context: flags } = JSON.parse(await readFile(join(root, 'cdk.json'), 'utf8'));

describe('the app', { timeout: synthMs }, () => {
  it('synthesizes without Docker and without an account, each function a module that its manifests lie beside', async () => {
    const outdir = join(folder, 'out');
    const { code, output } = await synth('cdk/examples/smallest.ts', outdir);

    expect(code, output).toBe(0);
    const assets = (await readdir(outdir)).filter((name) => name.startsWith('asset.'));
    const files = await Promise.all(assets.map((asset) => readdir(join(outdir, asset), { recursive: true })));
    // A change of any module in it is deployed, wherever the module lies.
    for (const asset of assets.filter((_, index) => files[index]?.includes('index.mjs')))
      expect(asset).toBe(`asset.${FileSystem.fingerprint(join(outdir, asset))}`);
    const withModels = [
      'index.mjs',
      'models',
      'models/pilotlight-shapes',
      'models/pilotlight-shapes/manifest.json',
    ];
    // Parts of a module that it loads on demand are named by what they hold.
    const isPart = (name: string) => /^parts(\/[A-Z0-9]{8}\.mjs)?$/.test(name);
    const functions = files
      .filter((names) => names.includes('index.mjs'))
      .map((names) => names.filter((name) => !isPart(name)).toSorted());
    const bundles = [...new Map(Object.values(entries).map((entry) => [entry.file, entry])).values()];
    const wanted = bundles.map(({ hasModels }) => (hasModels ? withModels : ['index.mjs']));
    const bySize = (left: readonly string[], right: readonly string[]) => right.length - left.length;
    expect(functions.toSorted(bySize)).toEqual(wanted.toSorted(bySize));
    const images = files.filter((names) => names.includes('gpu-container/Dockerfile'));
    expect(images).toHaveLength(1);
    const report = JSON.parse(await readFile(join(outdir, 'validation-report.json'), 'utf8'));
    expect(JSON.stringify(report)).not.toContain('"failure"');
  });

  it('ends with one line for every fault of a config, and no stack trace', async () => {
    const { code, output } = await synth('infra-tests/cdk/faulty.config.ts', join(folder, 'faulty'));

    expect(code).toBe(2);
    expect(output.split('\n').filter((line) => line.startsWith('  '))).toEqual([
      expect.stringMatching(/^ {2}region: must be a region/),
      expect.stringMatching(/^ {2}pools\.demo\.warmInstances: must not be above workersMax/),
    ]);
    expect(output).not.toMatch(/\n\s+at /);
  });
});
