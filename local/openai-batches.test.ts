/** Files and batches on the whole platform, as OpenAI's own client asks for them: only the base URL is ours. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { NotFoundError, toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileLimits } from '#core/limits.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const longMs = 120_000;
let folder: string;
let platform: Platform;
let client: OpenAI;

const start = () =>
  startPlatform({
    port: 0,
    dataDir: join(folder, 'data'),
    workersMin: 0,
    workersMax: 1,
    idleTimeoutMs: 2_000,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-batches-'));
  platform = await start();
  const { url, credentials } = platform;
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: credentials.tenants.demo.key, maxRetries: 0 });
}, longMs);

afterAll(async () => {
  await platform.close();
  await rm(folder, { recursive: true });
});

function lineOf(id: string, input: object = {}): string {
  const body = { model: 'fake', input: { prompt: `picture of ${id}`, steps: 1, ...input } };
  return JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/jobs', body });
}

function fileOf(text: string) {
  return toFile(Buffer.from(text), 'lines.jsonl');
}

const create = (inputFileId: string) =>
  client.batches.create({
    input_file_id: inputFileId,
    // A url of ours, which the client's types do not know.
    endpoint: '/v1/jobs' as '/v1/completions',
    completion_window: '24h',
    metadata: { name: 'nightly' },
  });

async function ended(batchId: string) {
  for (;;) {
    const batch = await client.batches.retrieve(batchId);
    if (batch.completed_at || batch.failed_at || batch.cancelled_at || batch.expired_at) return batch;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function linesOf(fileId: string | null | undefined) {
  const text = await (await client.files.content(fileId ?? '')).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe("OpenAI's client", () => {
  it('uploads a file, runs it as a batch, and reads what came of every line', {
    timeout: longMs,
  }, async () => {
    const ids = Array.from({ length: 12 }, (_, index) => `line-${index}`);
    const text = [...ids.map((id) => lineOf(id)), 'not a line', lineOf('failing', { fault: 'error' })].join(
      '\n',
    );

    const file = await client.files.create({ file: await fileOf(text), purpose: 'batch' });
    const created = await create(file.id);
    const batch = await ended(created.id);

    expect(file).toMatchObject({ object: 'file', filename: 'lines.jsonl', bytes: Buffer.byteLength(text) });
    expect(created).toMatchObject({ object: 'batch', status: 'validating', metadata: { name: 'nightly' } });
    expect(batch).toMatchObject({
      status: 'completed',
      request_counts: { total: 14, completed: 12, failed: 2 },
    });
    expect(batch.errors?.data).toMatchObject([{ code: 'not_json', line: 13 }]);
    const outputs = await linesOf(batch.output_file_id);
    expect(outputs.map(({ custom_id }) => custom_id).toSorted()).toEqual(ids.toSorted());
    expect(outputs[0].response.body).toMatchObject({ object: 'job', status: 'succeeded' });
    const errors = await linesOf(batch.error_file_id);
    expect(errors.map(({ error }) => [error.line, error.code]).toSorted()).toEqual([
      [13, 'not_json'],
      [14, 'model_error'],
    ]);
  });

  it('lists, pages, reads back and deletes', { timeout: longMs }, async () => {
    const text = `${lineOf('a')}\n`;
    const expires_after = { anchor: 'created_at', seconds: 3_600 } as const;
    const made = [];
    for (let count = 0; count < 3; count += 1) {
      made.push(await client.files.create({ file: await fileOf(text), purpose: 'batch', expires_after }));
    }

    const seen = [];
    for await (const file of client.files.list({ limit: 2, purpose: 'batch' })) seen.push(file.id);
    const [first] = made;
    const id = first?.id ?? '';

    expect(seen.slice(0, 3)).toEqual(made.map((file) => file.id).toReversed());
    expect((first?.expires_at ?? 0) - (first?.created_at ?? 0)).toBeGreaterThanOrEqual(3_599);
    expect(await (await client.files.content(id)).text()).toBe(text);
    expect(await client.files.retrieve(id)).toMatchObject({ id, status: 'processed' });
    expect(await client.files.delete(id)).toEqual({ id, object: 'file', deleted: true });
    await expect(client.files.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(create(id)).rejects.toBeInstanceOf(NotFoundError);
    const batches = [];
    for await (const batch of client.batches.list({ limit: 1 })) batches.push(batch.object);
    expect(new Set(batches)).toEqual(new Set(['batch']));
  });

  it('cancels, and the batch goes on after the platform was stopped in the middle', {
    timeout: longMs,
  }, async () => {
    const slow = Array.from({ length: 6 }, (_, index) =>
      lineOf(`slow-${index}`, { steps: 40, step_ms: 500 }),
    );
    const file = await client.files.create({ file: await fileOf(slow.join('\n')), purpose: 'batch' });
    const created = await create(file.id);

    await platform.close();
    platform = await start();
    const { url, credentials } = platform;
    client = new OpenAI({ baseURL: `${url}/v1`, apiKey: credentials.tenants.demo.key, maxRetries: 0 });
    const asked = await client.batches.cancel(created.id);
    const batch = await ended(created.id);

    expect(['cancelling', 'cancelled']).toContain(asked.status);
    expect(batch.status).toBe('cancelled');
    const { total = 0, completed = 0, failed = 0 } = batch.request_counts ?? {};
    expect(completed + failed).toBe(total);
  });
});

describe('a file that is too large for a request', () => {
  it('goes straight to the store by the link of its announcement, in no other form', {
    timeout: longMs,
  }, async () => {
    const line = lineOf('x'.repeat(200), { prompt: 'y'.repeat(900) });
    const count = Math.ceil((fileLimits.inlineBytesMax + 1) / (line.length + 1));
    const body = Buffer.from(`${line}\n`.repeat(count));
    const { url, credentials } = platform;
    const announced = await fetch(`${url}/v1/files`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${credentials.tenants.demo.key}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        filename: 'large.jsonl',
        purpose: 'batch',
        bytes: body.byteLength,
        sha256: createHash('sha256').update(body).digest('hex'),
      }),
    });
    const { id, upload } = (await announced.json()) as {
      id: string;
      upload: { url: string; headers: Record<string, string> };
    };
    // What fetch says by itself it lets nobody say.
    const { 'content-length': _length, ...headers } = upload.headers;

    const put = await fetch(upload.url, { method: 'PUT', headers, body });
    const back = await client.files.content(id);

    expect(put.status).toBe(200);
    expect(Buffer.from(await back.arrayBuffer()).equals(body)).toBe(true);
    await expect(
      client.files.create({ file: await toFile(body, 'large.jsonl'), purpose: 'batch' }),
    ).rejects.toMatchObject({ status: 413 });
  });
});
