import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { spawnRunner } from './runner-child.ts';

const program = join(import.meta.dirname, 'writing-runner.mjs');

/** Runs the program that tries to write, and gives back every line that it said and where it ran. */
async function tryToWrite(folderName = 'own') {
  const root = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const weights = join(root, 'models', 'tiny', 'weights.bin');
  const scratchDir = join(root, 'scratch', folderName);
  await mkdir(join(root, 'models', 'tiny'), { recursive: true });
  await mkdir(scratchDir, { recursive: true });
  await writeFile(weights, 'weights');
  const said: string[] = [];
  const command = [process.execPath, program];
  const onOutput = ({ text }: { readonly text: string }) => void said.push(text);
  const child = spawnRunner({ command, modelsDir: join(root, 'models'), onOutput }, scratchDir);
  await once(child, 'close');
  return { root, weights, said };
}

const refused = 'ERR_ACCESS_DENIED';

/** What a program, instead of a runner, says until its end. */
async function linesOf(...command: readonly string[]) {
  const scratchDir = await mkdtemp(join(tmpdir(), 'pl-'));
  onTestFinished(() => rm(scratchDir, { recursive: true, force: true }));
  const said: string[] = [];
  const onOutput = ({ text }: { readonly text: string }) => void said.push(text);
  const child = spawnRunner({ command, modelsDir: scratchDir, onOutput }, scratchDir);
  await once(child, 'close');
  return said;
}

describe('a runner', () => {
  it('is told which part of a shared card it may take', async () => {
    const limits = {
      CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: '0=11444M',
      CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: '50',
      CUDA_MPS_PIPE_DIRECTORY: '/run/mps',
    };
    for (const [name, value] of Object.entries(limits)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());

    const said = await linesOf('/bin/sh', '-c', 'env', 'sh');

    expect(said).toEqual(expect.arrayContaining(Object.entries(limits).map((limit) => limit.join('='))));
  });
});

describe('what a runner prints', () => {
  it('ends nothing, though a line of it is longer than this engine can hold', async () => {
    const endless = 'head -c 600000000 /dev/zero | tr "\\0" x; echo; echo next';

    const said = await linesOf('/bin/sh', '-c', endless, 'sh');

    expect(said).toEqual(['x'.repeat(2_000), 'next']);
  });
});

describe('a runner in Node', () => {
  it('reads weights, writes its scratch folder, and changes nothing else', async () => {
    const { weights, said } = await tryToWrite();

    expect(said.map((line) => JSON.parse(line))).toEqual([
      {
        read: 'weights',
        'own scratch folder': 'done',
        append: refused,
        truncate: refused,
        delete: refused,
        'put in its place': refused,
        link: refused,
        'another scratch folder': refused,
        program: refused,
        thread: refused,
      },
    ]);
    expect(await readFile(weights, 'utf8')).toBe('weights');
    expect(await readdir(join(weights, '..'))).toEqual(['weights.bin']);
  });

  it('is held to its folder whatever the name of that', async () => {
    const { said } = await tryToWrite('a "name" of \\ two words');

    expect(JSON.parse(said[0] ?? '')).toMatchObject({ 'own scratch folder': 'done', append: refused });
  });

  it('keeps what it compiled apart from what the worker runs', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'pl-'));
    onTestFinished(() => rm(cache, { recursive: true, force: true }));
    vi.stubEnv('NODE_COMPILE_CACHE', cache);
    onTestFinished(() => void vi.unstubAllEnvs());

    await tryToWrite();

    expect(await readdir(cache)).toEqual(['runners']);
    expect(await readdir(join(cache, 'runners'))).not.toEqual([]);
  });
});
