/** The package of the TypeScript client as its users have it: packed, installed, compiled against and run. The CLI's tests run it against the gateway. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal, startScriptedApi } from '#cli/scripted-api.ts';
import { presentJob } from '#core/api/job-resource.ts';
import { sampleJob, sampleWait } from '#core/samples.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const folder = join(root, 'clients/typescript');
const compiler = join(folder, 'node_modules/typescript/bin/tsc');

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'pilotlight-client-'));
  await run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: folder });
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', home], { cwd: folder });
  const [packed = never()] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string }[];
  await mkdir(join(home, 'node_modules'));
  await run('tar', ['-xzf', packed.filename], { cwd: home });
  await symlink(join(home, 'package'), join(home, 'node_modules/pilotlight-client'));
  // As an installation would bring it.
  await symlink(join(root, 'node_modules'), join(home, 'package/node_modules'));
  await writeFile(join(home, 'package.json'), '{ "type": "module" }');
});
afterAll(async () => {
  await rm(home, { recursive: true });
  await rm(join(folder, 'dist'), { recursive: true, force: true });
});

describe('the package', () => {
  it('compiles the program of its README, and refuses wrong fields, paths and models of answers', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    await writeFile(join(home, 'readme.ts'), /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? never());
    await writeFile(join(home, 'wrong.ts'), wrong);

    expect(await compiled('readme.ts', 'wrong.ts')).toBe('');
  });

  it('runs that program, and asks again when it was told to', async () => {
    let asked = 0;
    const job = sampleJob({ status: 'queued' });
    const ended = sampleJob({ status: 'canceled', finishedAtMs: job.createdAtMs + 1 });
    await using api = await startScriptedApi(({ method }) => {
      asked += 1;
      if (asked === 1) return refusal('unavailable');
      return method === 'POST'
        ? { status: 202, body: presentJob(job, sampleWait()) }
        : { status: 200, body: presentJob(ended, sampleWait()) };
    });
    const text = await readFile(join(home, 'readme.js'), 'utf8');
    await writeFile(join(home, 'readme.js'), text.replace('http://127.0.0.1:4190', api.url));

    const { stdout } = await run(process.execPath, ['readme.js'], {
      cwd: home,
      env: { ...process.env, PILOTLIGHT_KEY: 'plk_of_a_user' },
    });

    expect(stdout).toBe('canceled\ncanceled undefined\n');
    const [first, second, read] = api.requests;
    expect(first?.headers.authorization).toBe('Bearer plk_of_a_user');
    expect(first?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
    expect(read?.path).toBe(`/v1/jobs/${job.jobId}`);
  });
});

/** What the compiler says. */
async function compiled(...files: readonly string[]): Promise<string> {
  const asked = run(process.execPath, [compiler, ...strict, ...files], { cwd: home });
  const { stdout } = await asked.catch((error: { stdout: string }) => error);
  return stdout;
}

const strict = [
  ...['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'],
  ...['--typeRoots', join(root, 'node_modules/@types'), '--skipLibCheck'],
];

const wrong = `
import { createClient } from 'pilotlight-client';
const client = createClient({ url: 'http://127.0.0.1', key: 'k' });
// @ts-expect-error there is no such path
await client.GET('/v1/job');
// @ts-expect-error a job has a model
await client.POST('/v1/jobs', { body: { input: {} } });
// @ts-expect-error a page has a limit, which is a number
await client.GET('/v1/jobs', { params: { query: { limit: 'many' } } });
const { data } = await client.GET('/v1/jobs/{id}', { params: { path: { id: 'job_1' } } });
// @ts-expect-error a job has no colour
data?.colour;
`;

function never(): never {
  throw new Error('the test has been set up wrongly');
}
