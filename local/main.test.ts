/** `npm start` as a person meets it: a process, its lines, its exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobSchema } from '#core/api/job-resource.ts';
import type { LocalStack } from '../bench/local-stack.ts';
import { startLocalStack } from '../bench/local-stack.ts';
import { startEmulators } from './emulators.ts';

const root = dirname(import.meta.dirname);
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-test-'));
  folders.push(folder);
  return folder;
}

/** Runs a start that is expected to end by itself. */
async function run(...args: string[]) {
  const child = spawn(process.execPath, [join(root, 'local', 'main.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code, stdout, stderr };
}

async function call(stack: LocalStack, method: string, path: string, body?: unknown) {
  const answer = await fetch(new URL(path, stack.url), {
    method,
    headers: { authorization: `Bearer ${stack.key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return jobSchema.parse(await answer.json());
}

/** Long-polls until the job is terminal. */
async function ended(stack: LocalStack, id: string) {
  for (;;) {
    const job = await call(stack, 'GET', `/v1/jobs/${id}?wait=30`);
    if (job.finished_at !== null) return job;
  }
}

describe('a start that cannot be', () => {
  it.each([
    [['--port', 'x'], /--port: must be a number/],
    [['--port', '4190'], /--port: is a port that browsers and fetch refuse/],
    [['--min-workers', '3'], /--min-workers: must not be above --max-workers/],
    [['--colour'], /Unknown option '--colour'.*--help/],
  ])('says what is wrong with %j in one line', async (args, line) => {
    const { code, stdout, stderr } = await run(...args);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd()).not.toContain('\n');
  });

  it('shows its options when asked', async () => {
    const { code, stdout } = await run('--help');

    expect(code).toBe(0);
    expect(stdout).toContain('--idle-timeout');
  });

  it('says that the data folder cannot be written', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');

    const { code, stderr } = await run('--data', join(file, 'data'), '--port', '0');

    expect(code).toBe(2);
    expect(stderr).toMatch(/^The data folder cannot be written\. .*\n$/);
  });

  it('says that the data folder is broken', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'fauxqs.db'), 'this is no database, whatever its name says'.repeat(100));

    const { code, stderr } = await run('--data', folder, '--port', '0');

    expect(code).toBe(2);
    expect(stderr).toMatch(/^The data folder cannot be read\. .*fauxqs\.db .*\n$/);
    expect(stderr).toContain('Put back a copy');
  });

  it('says that another process serves from the data folder', async () => {
    const folder = temporaryFolder();
    const emulators = await startEmulators({ dataDir: folder, pools: [] });

    const { code, stderr } = await run('--data', folder, '--port', '0');
    await emulators.close();

    expect(code).toBe(2);
    expect(stderr).toMatch(/^Another process serves from this data folder\. .*\n$/);
  });

  it('says that the credentials file is not one', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'credentials.json'), '{');

    const { code, stderr } = await run('--data', folder, '--port', '0');

    expect(code).toBe(2);
    expect(stderr).toMatch(/credentials\.json is not what Pilotlight wrote/);
  });

  it('names the weight file that is missing or cut short', async () => {
    const models = join(temporaryFolder(), 'models');
    mkdirSync(models);
    cpSync(join(root, 'gpu-container', 'models', 'pilotlight-shapes'), join(models, 'pilotlight-shapes'), {
      recursive: true,
    });
    const weight = join(models, 'pilotlight-shapes', 'denoiser.onnx');
    writeFileSync(weight, readFileSync(weight).subarray(0, 1000));
    const args = ['--models', models, '--port', '0', '--data', temporaryFolder()];

    const cut = await run(...args);
    rmSync(weight);
    const missing = await run(...args);

    expect([cut.code, missing.code]).toEqual([2, 2]);
    expect(cut.stderr).toMatch(/denoiser\.onnx has 1000 bytes, not \d+\.\n$/);
    expect(missing.stderr).toMatch(/denoiser\.onnx is not there\.\n$/);
  });
});

describe('a start', () => {
  let stack: LocalStack;
  const dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-test-'));
  folders.push(dataDir);

  beforeAll(async () => {
    stack = await startLocalStack(dataDir, ['--idle-timeout', '1']);
  });
  afterAll(() => stack.stop());

  it('draws a picture from zero workers, says where it is, and what to try next', async () => {
    const line = await stack.line(/picture:/);

    const picture = readFileSync(join(root, line.replace(/^.*picture: /, '')));
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([256, 256]);
    expect(await stack.line(/npx pilotlight generate/)).toBeDefined();
  });

  it('puts its worker out after the idle time-out, and lights one again for the next job', async () => {
    await stack.line(/picture:/);
    await expect.poll(() => stack.workerIds(), { timeout: 60_000 }).toEqual([]);

    const body = { model: 'pilotlight-shapes', input: { prompt: 'a green circle', size: 64 } };
    const { id } = await call(stack, 'POST', '/v1/jobs', body);

    expect((await ended(stack, id)).status).toBe('succeeded');
  });

  it('keeps its keys for its owner alone', () => {
    for (const name of ['credentials.json', 'secrets.json', 'pilotlight.log']) {
      expect(statSync(join(dataDir, name)).mode & 0o077).toBe(0);
    }
  });

  it('says that its port is in use', async () => {
    const port = new URL(stack.url).port;

    const { code, stderr } = await run('--port', port, '--data', temporaryFolder());

    expect(code).toBe(2);
    expect(stderr).toMatch(/^The port is in use\. .*\n$/);
  });
});

describe.concurrent('kill -9', () => {
  const slow = { model: 'fake', input: { prompt: 'x', steps: 1, step_ms: 4000 } };

  it('of a worker costs its job an attempt and nothing else', { timeout: 120_000 }, async () => {
    const stack = await startLocalStack(temporaryFolder(), ['--no-first-job']);
    const { id } = await call(stack, 'POST', '/v1/jobs', slow);
    await expect
      .poll(async () => (await call(stack, 'GET', `/v1/jobs/${id}`)).status, { timeout: 60_000 })
      .toBe('running');

    for (const pid of stack.workerIds()) process.kill(pid, 'SIGKILL');

    expect(await ended(stack, id)).toMatchObject({ status: 'succeeded', attempts: 2 });
    await stack.stop();
  });

  it('of the platform loses nothing: the next start goes on', { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const first = await startLocalStack(folder, ['--no-first-job']);
    const jobs = await Promise.all([1, 2, 3].map(() => call(first, 'POST', '/v1/jobs', slow)));
    await first.kill();

    const second = await startLocalStack(folder, ['--no-first-job']);

    for (const { id } of jobs) expect((await ended(second, id)).status).toBe('succeeded');
    await second.stop();
    expect(existsSync(join(folder, 'credentials.json'))).toBe(true);
  });
});
