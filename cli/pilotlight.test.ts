/** The program as its users start it: a process of its own. */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { presentJob } from '#core/api/job-resource.ts';
import { sampleJob, sampleWait } from '#core/samples.ts';
import { startScriptedApi } from './scripted-api.ts';

const bin = fileURLToPath(new URL('./pilotlight.mjs', import.meta.url));

describe('the program', () => {
  it('helps', async () => {
    const { code, stdout, stderr } = await run(['--help']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}generate +Make pictures from a prompt$/m);
    expect(stdout).toContain('  130  interrupted (Ctrl-C)');
    expect((await run(['jobs', 'list', '--help'])).stdout).toContain('pilotlight jobs list --status failed');
    expect((await run(['jobs', '--help'])).stdout).not.toContain('models show  ');
  });

  it('tells its version', async () => {
    expect(await run(['--version'])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  });

  it.each([
    [['generate', 'x', '--colour', 'red'], "unknown option '--colour' (see pilotlight generate --help)"],
    [['generate'], 'PROMPT is missing (see pilotlight generate --help)'],
    [['generate', 'a', 'ring'], 'unexpected argument "ring"; put text with spaces in quotes'],
    [['jobs', 'burn'], 'unknown command "jobs burn"; one of: jobs list, '],
    [['jobs'], 'a command is missing; one of: jobs list, '],
    [['paint'], 'unknown command "paint"; one of: generate, '],
    [[], 'a command is missing; one of: generate, '],
    [['models', 'list', '--timeout', 'soon'], '--timeout takes seconds, not "soon"'],
  ])('refuses %j with exit code 2 and one line', async (args, said) => {
    const { code, stdout, stderr } = await run(args);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^pilotlight: [^\n]+\n$/);
    expect(stderr).toContain(said);
  });

  it('says in one line that there is no key', async () => {
    const { code, stderr } = await run(['models', 'list']);

    expect(code).toBe(2);
    expect(stderr).toMatch(/^pilotlight: no API key: [^\n]+\n$/);
  });

  it('exits with 4 when nothing answers', async () => {
    const api = await startScriptedApi(() => null);
    await api[Symbol.asyncDispose]();

    const { code, stderr } = await run(['models', 'list', '--url', api.url, '--key', 'k']);

    expect(code).toBe(4);
    expect(stderr).toMatch(/^pilotlight: cannot reach http:\S+: [^\n]*\n$/);
  });

  it('says in one line that dependencies are not installed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));
    await mkdir(join(folder, 'cli'));
    const copy = join(folder, 'cli', 'pilotlight.mjs');
    await copyFile(bin, copy);

    const { code, stderr } = await run(['--help'], { file: copy });

    expect(code).toBe(2);
    expect(stderr).toBe('pilotlight: dependencies are not installed; run npm install (or npm start) first\n');
  });

  it('cancels the job at one Ctrl-C, seen twice or not, and exits with 130', async () => {
    const job = presentJob(sampleJob(), sampleWait());
    const canceled = { ...job, status: 'canceled' as const, wait: null };
    let child: ReturnType<typeof start> | undefined;
    await using api = await startScriptedApi(({ method, path }) => {
      if (path.endsWith('/cancel')) return { status: 200, body: canceled };
      if (method === 'POST') return { status: 202, body: job };
      child?.kill('SIGINT');
      child?.kill('SIGINT');
      return null;
    });

    child = start(['generate', 'x', '--url', api.url, '--key', 'k']);
    const { code, stderr } = await endOf(child);

    expect(code).toBe(130);
    expect(stderr).toContain(`job ${job.id} is canceled`);
    expect(api.requests.filter(({ path }) => path.endsWith('/cancel'))).toHaveLength(1);
  });
});

interface StartOptions {
  readonly file?: string;
}

function run(args: readonly string[], options: StartOptions = {}) {
  return endOf(start(args, options));
}

function start(args: readonly string[], { file = bin }: StartOptions = {}) {
  return spawn(process.execPath, [file, ...args], {
    // Without a credentials file in or above it, and without the variables of whoever runs the tests.
    cwd: tmpdir(),
    env: {
      PATH: process.env.PATH,
      TMPDIR: process.env.TMPDIR,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function endOf(child: ReturnType<typeof start>) {
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}
