import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { batchSchema } from '#core/api/batch-resource.ts';
import { examples } from '#core/api/examples.ts';
import { fileSchema } from '#core/api/file-resource.ts';
import { captureIo } from './captured-io.ts';
import { main } from './main.ts';
import type { Script } from './scripted-api.ts';
import { refusal, startScriptedApi } from './scripted-api.ts';

const batch = batchSchema.parse(examples['getBatch 200']);
const file = fileSchema.parse(examples['getFile 200']);
const fresh = {
  ...batch,
  status: 'validating',
  errors: null,
  request_counts: { total: 0, completed: 0, failed: 0 },
};

async function run(script: Script, ...args: readonly string[]) {
  const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'lines.jsonl'), 'some lines');
  await using api = await startScriptedApi(script);
  const io = captureIo({ env: { PILOTLIGHT_URL: api.url, PILOTLIGHT_API_KEY: 'key' }, cwd });
  const code = await main(['batch', ...args], io);
  const asked = api.requests.map(({ method, path }) => `${method} ${path}`);
  return { code, stdout: io.stdout(), stderr: io.stderr(), asked, requests: api.requests, cwd };
}

/** The API, and the store behind its links. */
function apiWith(change: Partial<Record<string, ReturnType<Script>>> = {}): Script {
  return ({ method, path }, url) => {
    const ask = `${method} ${path}`;
    const changed = change[ask];
    if (changed !== undefined) return changed;
    const upload = { method: 'PUT', url: `${url}/store`, headers: {}, expires_at: 1 };
    if (ask === 'POST /v1/files') return { status: 200, body: { ...file, status: 'uploaded', upload } };
    if (ask === 'POST /v1/batches') return { status: 200, body: fresh };
    if (path.endsWith('/content')) return { status: 302, body: '', headers: { location: `${url}/store` } };
    if (path === '/v1/batches') return { status: 200, body: pageOf([batch]) };
    if (path.startsWith('/v1/batches')) return { status: 200, body: batch };
    return { status: 200, body: 'bytes of the store' };
  };
}

function pageOf(data: readonly (typeof batch)[]) {
  return { object: 'list', data, first_id: batch.id, last_id: batch.id, has_more: true };
}

describe('batch submit', () => {
  it('announces the file, puts it where the API says, and asks for the batch', async () => {
    const { code, asked, requests, stdout } = await run(apiWith(), 'submit', 'lines.jsonl', '--meta', 'a=b');

    expect(code).toBe(0);
    expect(asked).toEqual(['POST /v1/files', 'PUT /store', 'POST /v1/batches']);
    expect(requests[0]?.body).toMatchObject({ filename: 'lines.jsonl', purpose: 'batch', bytes: 10 });
    expect(requests[2]?.body).toEqual({
      input_file_id: file.id,
      endpoint: '/v1/jobs',
      completion_window: '24h',
      metadata: { a: 'b' },
    });
    expect(stdout).toContain(`batch ${batch.id} validating: 0 done, 0 failed of 0`);
  });

  it('follows the batch when asked, and says by its exit code that lines failed', async () => {
    const { code, stdout, stderr } = await run(apiWith(), 'submit', 'lines.jsonl', '--watch');

    expect(code).toBe(1);
    expect(stderr).toContain('validating: 0 done, 0 failed of 0');
    expect(stdout).toContain('completed: 11 done, 1 failed of 12');
    expect(stdout).toContain('line 3: not_json: is not valid JSON');
  });

  it('asks for nothing when the file cannot be read', async () => {
    const { code, asked, stderr } = await run(apiWith(), 'submit', 'missing.jsonl');

    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain('cannot read missing.jsonl');
  });

  it('says what the API refuses', async () => {
    const refused = { 'POST /v1/batches': refusal('concurrency_limit') };
    const { code, stderr } = await run(apiWith(refused), 'submit', 'lines.jsonl');

    expect(code).not.toBe(0);
    expect(stderr).toContain('concurrency_limit');
  });
});

describe('batch list, show and cancel', () => {
  it('print what the API says', async () => {
    const list = await run(apiWith(), 'list');
    const show = await run(apiWith(), 'show', batch.id);
    const cancel = await run(apiWith(), 'cancel', batch.id);
    const json = await run(apiWith(), 'show', batch.id, '--json');

    expect(list.stdout).toContain('11 done, 1 failed of 12');
    expect(list.stderr).toContain(`--after ${batch.id}`);
    expect(show.stdout).toContain(`output: ${batch.output_file_id}`);
    expect(cancel.asked).toEqual([`POST /v1/batches/${batch.id}/cancel`]);
    expect(JSON.parse(json.stdout)).toEqual(batch);
  });
});

describe('batch results', () => {
  it('writes both files, and never over one that is there', async () => {
    const { code, stdout, cwd } = await run(apiWith(), 'results', batch.id, '-o', 'nightly');

    expect(code).toBe(0);
    expect(stdout).toBe('nightly.output.jsonl\nnightly.errors.jsonl\n');
    expect(await readFile(join(cwd, 'nightly.output.jsonl'), 'utf8')).toContain('bytes of the store');
    const again = await run(apiWith(), 'results', batch.id, '-o', join(cwd, 'nightly'));
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('cannot write');
  });

  it('says that a batch has none', async () => {
    const none = { ...batch, status: 'validating', output_file_id: null, error_file_id: null };
    const { code, stderr } = await run(
      apiWith({ [`GET /v1/batches/${batch.id}`]: { status: 200, body: none } }),
      'results',
      batch.id,
    );

    expect(code).toBe(2);
    expect(stderr).toContain('has no results');
  });
});
