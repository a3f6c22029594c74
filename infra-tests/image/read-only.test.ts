/**
 * The image `demo` without Docker: what its Dockerfile copies is laid out in a folder that nobody may write to, and its
 * entry runs there with its environment, as a user who owns one scratch folder and nothing else.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awsEnvOf } from '#aws/env.ts';
import { systemClock } from '#aws/system-clock.ts';
import { jobSchema } from '#core/api/job-resource.ts';
import type { Platform } from '#local/platform.ts';
import { startPlatform } from '#local/platform.ts';
import { closureOf } from '../../gpu-container/image/closure.ts';
import { foldersOf, imageEntries, keepOnly } from '../../gpu-container/image/keep-packages.ts';
import { readContext } from './context.ts';
import type { Stage } from './dockerfile.ts';
import { copyOf, pairsOf, readDockerfile } from './dockerfile.ts';
import { last } from './rules.ts';

const root = dirname(dirname(import.meta.dirname));
const stages = readDockerfile(readFileSync(join(root, 'gpu-container', 'Dockerfile'), 'utf8'));
const demo = stages.find(({ name }) => name === 'demo') ?? absent();
/** Who may become another user, runs it as one who owns nothing; others own files, but may write to none either. */
const isRoot = process.getuid?.() === 0;
const user = isRoot ? { uid: 61_234, gid: 61_234 } : {};

let home: string;
let image: string;
let scratch: string;
let platform: Platform;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'pilotlight-image-'));
  chmodSync(home, 0o755);
  image = join(home, 'app');
  scratch = join(home, 'scratch');
  layOut(demo, image);
  execFileSync('chmod', ['-R', 'a-w,a+rX', image]);
  mkdirSync(scratch, { mode: 0o700 });
  if (isRoot) chownSync(scratch, 61_234, 61_234);
  platform = await startPlatform({
    port: 0,
    dataDir: join(home, 'data'),
    // The worker of the image is the only one.
    workersMin: 0,
    workersMax: 0,
    idleTimeoutMs: 1_000,
  });
});

afterAll(async () => {
  await platform?.close();
  execFileSync('chmod', ['-R', 'u+w', home]);
  rmSync(home, { recursive: true });
});

describe('the image demo on a read-only root', () => {
  it('serves a job, is well meanwhile, drains on its stop signal, and writes to its scratch folder alone', async () => {
    const env = { ...imageEnv(), PILOTLIGHT_POOL: 'demo', PILOTLIGHT_PREWARM: 'shapes' };
    const worker = start('ENTRYPOINT', env);
    await until(() => existsSync(join(scratch, 'ready.json')));
    const health = start('HEALTHCHECK', env);
    const healthCode = await health.ended;

    const job = await runJob();
    worker.child.kill(stopSignal());

    expect(await worker.ended).toBe(0);
    expect(healthCode).toBe(0);
    expect(job).toMatchObject({ status: 'succeeded', receipt: { engine: 'demo' } });
    expect(await worker.output).toContain('worker.draining');
    expect(filesOfUser()).toEqual([]);
  }, 120_000);

  it('holds no package, test or file that its programs do not need', () => {
    const size = (path: string) => Number(execFileSync('du', ['-sm', path]).toString().split('\t')[0]);

    expect(existsSync(join(image, 'node_modules', 'aws-cdk-lib'))).toBe(false);
    expect(existsSync(join(image, 'gpu-container', 'training'))).toBe(false);
    expect(existsSync(join(image, 'core', 'samples.ts'))).toBe(false);
    expect(size(image)).toBeLessThan(200);
  });
});

/** Copies as the stage does; what another stage made is made here by the same program. */
function layOut({ instructions }: Stage, target: string): void {
  const context = readContext(root);
  mkdirSync(target, { recursive: true });
  for (const copy of instructions.filter(({ name }) => name === 'COPY')) {
    const { sources, target: name } = copyOf(copy);
    if (copy.flags.from !== undefined) {
      layOutPackages(join(target, name));
      continue;
    }
    for (const path of context) {
      const source = sources.find((each) => path === each || path.startsWith(`${each}/`));
      if (source === undefined) continue;
      const place =
        path === source && name.endsWith('/') ? join(name, path) : name + path.slice(source.length);
      cpSync(join(root, path), join(target, place), { recursive: true });
    }
  }
}

function layOutPackages(target: string): void {
  const keep = foldersOf(root, closureOf(root, imageEntries).packages);
  for (const folder of keep) {
    cpSync(join(root, folder), join(target, '..', folder), { recursive: true, dereference: true });
  }
  keepOnly(join(target, '..'), keep);
}

/** What the image sets, with its scratch folder where ours is. */
function imageEnv(): Record<string, string> {
  const pairs = demo.instructions.filter(({ name }) => name === 'ENV').flatMap((each) => [...pairsOf(each)]);
  const own = Object.fromEntries(
    pairs.map(([name, value]) => [name, value.replace(/^\/scratch/, scratch).replace(/^\/app/, image)]),
  );
  return { ...own, PATH: process.env.PATH ?? '', ...awsEnvOf(platform.config) };
}

function start(name: 'ENTRYPOINT' | 'HEALTHCHECK', env: Record<string, string>) {
  const words = last(demo, name)?.exec ?? absent();
  const [, ...args] = words.map((word) => word.replace(/^\/app/, image));
  const child = spawn(process.execPath, args, {
    cwd: image,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...user,
  });
  return { child, ended: once(child, 'close').then(([code]) => code), output: text(child.stderr) };
}

/** As Node names it. */
function stopSignal(): NodeJS.Signals {
  const signal = last(demo, 'STOPSIGNAL')?.text;
  return signal === 'SIGTERM' ? signal : absent();
}

async function runJob() {
  const key = platform.credentials.tenants.demo.key;
  const response = await fetch(`${platform.url}/v1/jobs?wait=30`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'pilotlight-shapes', input: { prompt: 'a red ring', size: 64 } }),
  });
  return jobSchema.parse(await response.json());
}

/** Files and folders outside of the scratch folder that belong to the user, where anybody may write. */
function filesOfUser(): string[] {
  if (!isRoot) return [];
  const shared = ['/tmp', '/var/tmp', '/dev/shm', '/run'].filter((folder) => existsSync(folder));
  const command = [
    ...shared,
    image,
    '-maxdepth',
    '4',
    '-path',
    scratch,
    '-prune',
    '-o',
    '-user',
    '61234',
    '-print',
  ];
  // Others' files come and go meanwhile, which makes its exit code say nothing.
  return spawnSync('find', command)
    .stdout.toString()
    .split('\n')
    .filter((path) => path !== '');
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await systemClock.sleep(50);
}

function absent(): never {
  throw new Error('the Dockerfile lacks what the test looks for');
}
