/**
 * The official client of OpenAI, as npm has it, against the whole stack: real worker processes, real streams. What passes
 * here is its table in docs/compatibility/; `vitest -u` writes it anew.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientOptions } from 'openai';
import OpenAI, { toFile } from 'openai';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { presentError } from '#core/api/error-resource.ts';
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import project from '../package.json' with { type: 'json' };
import { countPings } from './client-scene.ts';
import { createRows, expectTable } from './compatibility.ts';
import { listen } from './listen.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const longMs = 180_000;
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let folder: string;
let platform: Platform;
let client: OpenAI;
const { row, passed } = createRows();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-openai-'));
  platform = await startPlatform({
    port: 0,
    dataDir: join(folder, 'data'),
    workersMin: 1,
    workersMax: 1,
    idleTimeoutMs: 5 * longMs,
    allowLocalWebhooks: true,
  });
  client = clientOf(platform.credentials.tenants.demo.key);
}, longMs);

afterAll(async () => {
  await platform?.close();
  rmSync(folder, { recursive: true, force: true });
});

function clientOf(
  apiKey: string,
  options: Pick<ClientOptions, 'maxRetries' | 'baseURL' | 'fetch'> = {},
): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${platform.url}/v1`, maxRetries: 0, timeout: longMs, ...options });
}

/** A tenant of its own, so that what it may do and what it has open is known. */
async function tenantWith(id: string, limits: object, models?: readonly string[]): Promise<string> {
  const send = async (method: string, path: string, body: object): Promise<ReturnType<typeof JSON.parse>> => {
    const headers = {
      authorization: `Bearer ${platform.credentials.admin_key}`,
      'content-type': 'application/json',
    };
    return (await fetch(`${platform.url}${path}`, { method, headers, body: JSON.stringify(body) })).json();
  };
  const made = await send('POST', '/admin/v1/tenants', { id, plan: 'vip', ...limits });
  if (models !== undefined) await send('PUT', `/admin/v1/tenants/${id}/models`, { models });
  return made.key.secret;
}

const chat = { model: 'fake-chat', messages: [{ role: 'user' as const, content: 'one two three four' }] };
const answer = 'You said: one two three four';
/** Takes about a minute; `step_ms` is a parameter of this model and not of OpenAI's. */
const slowChat = {
  ...chat,
  messages: [{ role: 'user' as const, content: 'word '.repeat(200) }],
  max_tokens: 200,
  step_ms: 300,
};

async function refusalOf(call: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OpenAI.APIError)) throw new Error(`not refused: ${error}`);
  return error;
}

/** The tenant's newest job, once it is as it is waited for. */
async function newestJob(tenantId: string, isSo: (job: JobRecord) => boolean): Promise<JobRecord> {
  for (;;) {
    const [job] = (await platform.ports.jobs.list(tenantId, { limit: 1 })).items;
    if (job !== undefined && isSo(job)) return job;
    await delay(50);
  }
}

describe('models', () => {
  row('models.list', 'every model, page by page', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);

    expect(ids).toEqual(expect.arrayContaining(['fake-chat', 'pilotlight-shapes']));
  });

  row('models.retrieve', 'one model', async () => {
    expect(await client.models.retrieve('pilotlight-shapes')).toMatchObject({
      id: 'pilotlight-shapes',
      object: 'model',
    });
  });
});

describe('chats', () => {
  row('chat.completions.create', 'text, usage, how it ended, request id', async () => {
    const got = await client.chat.completions.create({ ...chat, seed: 7, user: 'u-1', n: 1 });

    expect(got).toMatchObject({
      object: 'chat.completion',
      model: 'fake-chat',
      choices: [{ index: 0, message: { role: 'assistant', content: answer }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 },
    });
    expect(got.id).toMatch(/^chatcmpl-/);
    expect(got._request_id).toMatch(/^req_/);
  });

  row('chat.completions.create', 'pictures: data URL, bare base64, parts without a type', async () => {
    const ways = [
      { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
      { type: 'image_url', image_url: { url: png } },
      { image: png },
    ];
    const said = await Promise.all(
      ways.map(async (picture) => {
        const content = [picture, { text: 'what is this?' }];
        // Parts without a type are no part of the client's types.
        const messages = [{ role: 'user', content }] as unknown as typeof chat.messages;
        const got = await client.chat.completions.create({ model: 'fake-chat', messages });
        return got.choices[0]?.message.content;
      }),
    );

    expect(new Set(said)).toHaveLength(1);
    expect(said[0]).toMatch(/^You said: \[picture [0-9a-f]{12}\] what is this\?$/);
  });

  row('chat.completions.create', 'pictures by address, and as files of the purpose vision', async () => {
    const server = createServer((_, response) => response.end(Buffer.from(png, 'base64')));
    const upload = await toFile(Buffer.from(png, 'base64'), 'a.png');
    const file = await client.files.create({ file: upload, purpose: 'vision' });
    const address = await listen(server, 0);
    const ways = [`data:image/png;base64,${png}`, `${address}/a.png`, file.id];

    const said = await Promise.all(
      ways.map(async (url) => {
        const content = [{ type: 'image_url' as const, image_url: { url } }];
        const got = await client.chat.completions.create({
          model: 'fake-chat',
          messages: [{ role: 'user', content }],
        });
        return got.choices[0]?.message.content;
      }),
    );
    server.close();

    expect(said[0]).toMatch(/picture [0-9a-f]{12}/);
    expect(new Set(said)).toHaveLength(1);
  });

  row('chat.completions.create', 'stop, max_tokens, max_completion_tokens', async () => {
    const [stopped, cut, cutToo] = await Promise.all([
      client.chat.completions.create({ ...chat, stop: ['three'] }),
      client.chat.completions.create({ ...chat, max_tokens: 4 }),
      client.chat.completions.create({ ...chat, max_completion_tokens: 4 }),
    ]);

    expect(stopped.choices[0]).toMatchObject({
      message: { content: 'You said: one two ' },
      finish_reason: 'stop',
    });
    for (const each of [cut, cutToo]) {
      expect(each.choices[0]).toMatchObject({
        message: { content: 'You said: one two ' },
        finish_reason: 'length',
      });
    }
  });

  row('chat.completions.create', 'answers sent back as messages', async () => {
    const first = await client.chat.completions.create(chat);
    const said = first.choices[0]?.message;
    if (said === undefined) throw new Error('there is an answer');

    const second = await client.chat.completions.create({
      ...chat,
      messages: [...chat.messages, said, { role: 'user', content: 'and again' }],
    });

    expect(second.choices[0]?.message.content).toBe('You said: and again');
    expect(second.usage?.prompt_tokens).toBe(12);
  });

  row('chat.completions.create, stream', 'text in pieces, while it is written', async () => {
    const stream = await client.chat.completions.create({ ...chat, ...{ step_ms: 250 }, stream: true });
    const pieces: string[] = [];
    const ends: (string | null | undefined)[] = [];
    for await (const chunk of stream) {
      expect(chunk).toMatchObject({ object: 'chat.completion.chunk', model: 'fake-chat' });
      expect(chunk.usage).toBeUndefined();
      const [choice] = chunk.choices;
      if (choice?.delta.content) pieces.push(choice.delta.content);
      ends.push(choice?.finish_reason);
    }

    expect(pieces.join('')).toBe(answer);
    expect(pieces.length).toBeGreaterThan(2);
    expect(ends.filter((end) => end !== null)).toEqual(['stop']);
  });

  row('chat.completions.create, stream', 'usage at the end, by stream_options', async () => {
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    const usages: unknown[] = [];
    for await (const chunk of stream) usages.push(chunk.usage);

    expect(usages.pop()).toEqual({ prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 });
    expect(new Set(usages)).toEqual(new Set([null]));
  });

  row('chat.completions.create, stream', 'bears the comments of a stream that is silent', async () => {
    const { counted, fetch } = countPings();
    const patient = clientOf(platform.credentials.tenants.demo.key, { fetch });
    const silent = { ...chat, max_tokens: 1, ...{ step_ms: 16_000 } };

    let said = '';
    const stream = await patient.chat.completions.create({ ...silent, stream: true });
    for await (const { choices } of stream) said += choices[0]?.delta.content ?? '';

    expect(said).toBe('You ');
    expect(counted.pings).toBeGreaterThan(0);
  });

  row('chat.completions.stream', 'the helper that gathers the pieces', async () => {
    const runner = client.chat.completions.stream(chat);

    expect(await runner.finalContent()).toBe(answer);
    expect((await runner.finalChatCompletion()).choices[0]?.finish_reason).toBe('stop');
  });

  row('stream.controller.abort', 'ends the stream and cancels the job', async () => {
    const key = await tenantWith('aborts-a-stream', {});
    const stream = await clientOf(key).chat.completions.create({ ...slowChat, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    stream.controller.abort();

    const job = await newestJob('aborts-a-stream', isTerminal);

    expect(job.status).toBe('canceled');
  });

  row('signal, timeout', 'a call that is given up cancels its job', async () => {
    const key = await tenantWith('gives-up', {});
    const gone = new AbortController();
    const call = clientOf(key).chat.completions.create(slowChat, { signal: gone.signal });
    await newestJob('gives-up', ({ status }) => status === 'running');
    gone.abort();

    expect(await refusalOf(call)).toBeInstanceOf(OpenAI.APIUserAbortError);
    expect((await newestJob('gives-up', isTerminal)).status).toBe('canceled');
    const late = clientOf(key).chat.completions.create(slowChat, { timeout: 1_000 });
    expect(await refusalOf(late)).toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
    expect((await newestJob('gives-up', isTerminal)).status).toBe('canceled');
  });
});

describe('completions', () => {
  row('completions.create', 'a prompt, usage', async () => {
    const got = await client.completions.create({ model: 'fake-chat', prompt: 'once upon', max_tokens: 50 });

    expect(got).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'You said: once upon', finish_reason: 'stop' }],
      usage: { prompt_tokens: 2, completion_tokens: 4, total_tokens: 6 },
    });
  });

  row('completions.create, stream', 'text in pieces', async () => {
    const stream = await client.completions.create({ model: 'fake-chat', prompt: 'once upon', stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? '';

    expect(text).toBe('You said: once upon');
  });
});

describe('pictures', () => {
  const picture = { model: 'pilotlight-shapes', prompt: 'a red ring above a blue square' };

  row('images.generate', 'b64_json; n, size, and seed beside the client’s own parameters', async () => {
    // Not of the client's types: what is unknown to it, it sends as it is.
    const asked = { ...picture, n: 2, size: '256x256', response_format: 'b64_json', ...{ seed: 7 } } as const;
    const [first, again] = [await client.images.generate(asked), await client.images.generate(asked)];

    expect(first.data).toHaveLength(2);
    const bytes = (first.data ?? []).map(({ b64_json = '' }) => Buffer.from(b64_json, 'base64'));
    for (const each of bytes) {
      expect(each.subarray(1, 4).toString()).toBe('PNG');
      expect([each.readUInt32BE(16), each.readUInt32BE(20)]).toEqual([256, 256]);
    }
    expect(again.data).toEqual(first.data);
  });

  row('images.generate, stream', 'partial images while it is drawn, then the picture', async () => {
    const stream = await client.images.generate({
      ...picture,
      size: '256x256',
      stream: true,
      partial_images: 3,
      ...{ seed: 7, steps: 16 },
    });
    const seen: string[] = [];
    for await (const event of stream) {
      const bytes = Buffer.from(event.b64_json, 'base64');
      const { format = '' } = await sharp(bytes).metadata();
      expect(event).toMatchObject({ output_format: format, size: '256x256', background: 'opaque' });
      seen.push(`${event.type} ${format}`);
    }

    expect(seen.at(-1)).toBe('image_generation.completed png');
    expect(seen.slice(0, -1)).toContain('image_generation.partial_image jpeg');
    expect(seen.length).toBeLessThanOrEqual(4);
  });

  row('images.generate', 'url, good without a key', async () => {
    const got = await client.images.generate({ ...picture, size: '256x256' });

    const file = await fetch(got.data?.[0]?.url ?? '');

    expect(file.status).toBe(200);
    expect(file.headers.get('content-type')).toBe('image/png');
  });
});

describe('files and batches', () => {
  const lineOf = (id: string, more: object = {}) =>
    `${JSON.stringify({
      custom_id: id,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { ...chat, ...more },
    })}\n`;
  const uploaded = async (...lines: string[]) =>
    client.files.create({ file: await toFile(Buffer.from(lines.join('')), 'lines.jsonl'), purpose: 'batch' });
  const batchOf = ({ id }: { id: string }) =>
    client.batches.create({
      input_file_id: id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
      metadata: { name: 'nightly' },
    });
  const endedBatch = async (id: string) => {
    for (;;) {
      const batch = await client.batches.retrieve(id);
      if (['completed', 'failed', 'cancelled', 'expired'].includes(batch.status)) return batch;
      await delay(200);
    }
  };

  row('files.create, retrieve, content, delete', 'a file of lines', async () => {
    const file = await uploaded(lineOf('a'));

    expect(file).toMatchObject({ object: 'file', filename: 'lines.jsonl', bytes: lineOf('a').length });
    expect(await client.files.retrieve(file.id)).toEqual(file);
    expect(await (await client.files.content(file.id)).text()).toBe(lineOf('a'));
    expect(await client.files.delete(file.id)).toMatchObject({ deleted: true });
    expect(await refusalOf(client.files.retrieve(file.id))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  row('files.list', 'newest first, page by page', async () => {
    const made = [await uploaded(lineOf('a')), await uploaded(lineOf('b')), await uploaded(lineOf('c'))];
    const seen: string[] = [];
    for await (const file of client.files.list({ limit: 2, purpose: 'batch' })) seen.push(file.id);

    expect(seen.slice(0, 3)).toEqual(made.map(({ id }) => id).toReversed());
  });

  row(
    'batches.create, retrieve',
    'an answer of every line, and the faults of a line by OpenAI’s names',
    async () => {
      const bad = lineOf('bad', { max_completion_tokens: 100_000 });
      const created = await batchOf(await uploaded(lineOf('good'), bad, 'not a line\n'));
      const batch = await endedBatch(created.id);

      expect(created).toMatchObject({ object: 'batch', metadata: { name: 'nightly' } });
      expect(batch).toMatchObject({
        status: 'completed',
        request_counts: { total: 3, completed: 1, failed: 2 },
      });
      const output = await (await client.files.content(batch.output_file_id ?? '')).text();
      expect(JSON.parse(output)).toMatchObject({
        custom_id: 'good',
        response: { status_code: 200, body: { choices: [{ message: { content: answer } }] } },
      });
      expect(batch.errors?.data?.map(({ line, param }) => [line, param])).toEqual([
        [2, 'body.max_completion_tokens'],
        [3, null],
      ]);
    },
  );

  row('batches.list, cancel', 'page by page; what has ended stays', async () => {
    const slow = Array.from({ length: 4 }, (_, index) => lineOf(`slow-${index}`, slowChat));
    const created = await batchOf(await uploaded(...slow));

    expect(['cancelling', 'cancelled']).toContain((await client.batches.cancel(created.id)).status);
    expect((await endedBatch(created.id)).status).toBe('cancelled');
    const ids: string[] = [];
    for await (const batch of client.batches.list({ limit: 1 })) ids.push(batch.id);
    expect(ids).toContain(created.id);
  });
});

describe('errors', () => {
  row('AuthenticationError', 'a key that is none', async () => {
    const error = await refusalOf(clientOf('sk-none').chat.completions.create(chat));

    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
  });

  row('BadRequestError', 'names the parameter at fault', async () => {
    const refused = await Promise.all(
      [
        { ...chat, tools: [{ type: 'function' as const, function: { name: 'f' } }] },
        { ...chat, max_tokens: 100_000 },
        { ...chat, temperature: 0.5 },
        {
          ...chat,
          messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 7 as never }] }],
        },
      ].map((body) => refusalOf(client.chat.completions.create(body))),
    );

    for (const error of refused) expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(refused.map(({ param }) => param)).toEqual([
      'tools',
      'max_tokens',
      'temperature',
      'messages.0.content.0.text',
    ]);
  });

  row('BadRequestError', 'a picture behind an address that is asked by nobody', async () => {
    const url = 'https://169.254.169.254/latest/a.png';
    const content = [{ type: 'image_url' as const, image_url: { url } }];
    const error = await refusalOf(
      client.chat.completions.create({ ...chat, messages: [{ role: 'user', content }] }),
    );

    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error.param).toBe('messages.0.content.0.image_url.url');
  });

  row('NotFoundError', 'a model that is not there', async () => {
    const error = await refusalOf(client.chat.completions.create({ ...chat, model: 'gpt-5' }));

    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'model_not_found', param: 'model' });
  });

  row('PermissionDeniedError', 'a model that the tenant may not use', async () => {
    const key = await tenantWith('draws-only', {}, ['pilotlight-shapes']);

    const error = await refusalOf(clientOf(key).chat.completions.create(chat));

    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(error.code).toBe('model_not_granted');
  });

  row('RateLimitError', 'a limit that is used up', async () => {
    const limited = clientOf(await tenantWith('asks-once', { requests_per_day: 1 }));
    await limited.chat.completions.create(chat);

    const error = await refusalOf(limited.chat.completions.create({ ...chat, stream: true }));

    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'quota_exceeded', type: 'insufficient_quota' });
    expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(0);
  });

  row('InternalServerError', 'a job that failed, and is not sent again', async () => {
    const key = await tenantWith('fails', {});
    const failing = { ...chat, ...{ fault: 'error' } };

    const error = await refusalOf(clientOf(key, { maxRetries: 3 }).chat.completions.create(failing));

    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error.code).toBe('job_failed');
    expect((await platform.ports.jobs.list('fails', { limit: 10 })).items).toHaveLength(1);
  });

  row('APIError in a stream', 'a job that fails while it answers', async () => {
    const stream = await client.chat.completions.create({ ...chat, ...{ fault: 'error' }, stream: true });
    const read = async () => {
      for await (const _ of stream);
    };

    const error = await refusalOf(read());

    expect(error).toMatchObject({ code: 'job_failed', type: 'server_error' });
  });
});

describe('retries', () => {
  row('maxRetries on 429', 'waits as Retry-After says, and gets its answer', async () => {
    const key = await tenantWith('one-at-a-time', { open_jobs_max: 1 });
    const patient = clientOf(key, { maxRetries: 8 });

    const answers = await Promise.all([1, 2].map(() => patient.chat.completions.create(chat)));

    expect(answers.map(({ choices }) => choices[0]?.message.content)).toEqual([answer, answer]);
  });

  row('maxRetries on 503', 'waits as Retry-After says, and gets its answer', async () => {
    const asked: number[] = [];
    const away = createServer(async (request, response) => {
      asked.push(performance.now());
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { status, body } = presentError(new AppError('unavailable', { retryAfterSeconds: 1 }), 'req_1');
      const isFirst = asked.length === 1;
      const got = isFirst
        ? null
        : await fetch(`${platform.url}${request.url}`, {
            method: 'POST',
            headers: {
              authorization: request.headers.authorization ?? '',
              'content-type': 'application/json',
            },
            body: Buffer.concat(chunks),
          });
      response.writeHead(got?.status ?? status, { 'content-type': 'application/json', 'retry-after': '1' });
      response.end(got === null ? JSON.stringify(body) : await got.text());
    });
    const url = await listen(away, 0);
    const patient = clientOf(client.apiKey ?? '', { maxRetries: 1, baseURL: `${url}/v1` });

    const got = await patient.chat.completions.create(chat);
    away.close();

    expect(got.choices[0]?.message.content).toBe(answer);
    expect(asked).toHaveLength(2);
    expect(Number(asked[1]) - Number(asked[0])).toBeGreaterThanOrEqual(990);
  });
});

it('is what docs/compatibility/openai-npm.md says', async () => {
  await expectTable('openai-npm', `openai (npm) ${project.devDependencies.openai}`, passed);
});
