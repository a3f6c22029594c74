import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adapterSchema, offeredAdapterSchema } from '#core/api/adapter-resource.ts';
import { examples } from '#core/api/examples.ts';
import { captureIo } from './captured-io.ts';
import { adapterOf } from './commands/generate.ts';
import { main } from './main.ts';
import type { Script } from './scripted-api.ts';
import { refusal, startScriptedApi } from './scripted-api.ts';

const adapter = adapterSchema.parse(examples['completeAdapter 200']);
const offered = offeredAdapterSchema.parse(examples['createAdapter 201']);
const file = Buffer.from('weights of an adapter');

async function run(script: Script, ...args: readonly string[]) {
  const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'pastel.safetensors'), file);
  await using api = await startScriptedApi(script);
  const io = captureIo({ env: { PILOTLIGHT_URL: api.url, PILOTLIGHT_API_KEY: 'key' }, cwd });
  const code = await main(['adapters', ...args], io);
  const { requests } = api;
  const asked = requests.map(({ method, path }) => `${method} ${path}`);
  return { code, stdout: io.stdout(), stderr: io.stderr(), requests, asked };
}

/** The API, and the store behind its link; each may answer otherwise. */
function apiWith(change: Partial<Record<string, ReturnType<Script>>> = {}): Script {
  return ({ method, path }, url) => {
    const ask = `${method} ${path}`;
    const changed = change[ask];
    if (changed !== undefined) return changed;
    if (ask === 'PUT /store') return { status: 200, body: '' };
    if (ask.endsWith('/complete')) return { status: 200, body: adapter };
    const upload = offered.upload && { ...offered.upload, url: `${url}/store` };
    return { status: 201, body: { ...offered, upload } };
  };
}

const add = ['add', 'pastel.safetensors', '--model', 'pilotlight-shapes'] as const;

describe('adapters add', () => {
  it('announces the file, puts it where the API says, without the key, and has it checked', async () => {
    const { code, stdout, stderr, requests, asked } = await run(apiWith(), ...add);

    expect(code).toBe(0);
    expect(asked).toEqual(['POST /v1/adapters', 'PUT /store', `POST /v1/adapters/${adapter.id}/complete`]);
    expect(requests[0]?.body).toEqual({
      name: 'pastel',
      model: 'pilotlight-shapes',
      bytes: file.byteLength,
      sha256: createHash('sha256').update(file).digest('hex'),
    });
    expect(requests[1]?.headers).toMatchObject({
      'content-length': String(file.byteLength),
      'x-amz-checksum-sha256': offered.upload?.headers['x-amz-checksum-sha256'],
    });
    expect(requests[1]?.headers.authorization).toBeUndefined();
    expect(stdout).toContain(adapter.id);
    expect(stderr).toContain(`--adapter ${adapter.id}`);
  });

  it('uploads nothing that is there already', async () => {
    const there = { status: 200, body: { ...adapter, upload: null } };

    const { code, asked } = await run(apiWith({ 'POST /v1/adapters': there }), ...add, '--name', 'soft');

    expect(code).toBe(0);
    expect(asked).toEqual(['POST /v1/adapters', `POST /v1/adapters/${adapter.id}/complete`]);
  });

  it.each([
    [
      'a file that was refused before',
      'POST /v1/adapters',
      {
        status: 200,
        body: {
          ...adapter,
          status: 'refused',
          refusal: { code: 'lokr', message: 'the file is a LoKr' },
          upload: null,
        },
      },
      'the file is a LoKr',
    ],
    [
      'a file that the check refuses',
      `POST /v1/adapters/${adapter.id}/complete`,
      refusal('invalid_adapter', {
        publicMessage: 'The adapter is refused: the file is a pickle.',
      }),
      'is a pickle',
    ],
    [
      'a store that takes other bytes only',
      'PUT /store',
      { status: 400, body: '<Code>BadDigest</Code>' },
      'answered 400',
    ],
  ])('says what is wrong with %s', async (_, ask, answer, text) => {
    const { code, stderr } = await run(apiWith({ [ask]: answer }), ...add);

    expect(code).toBe(3);
    expect(stderr).toContain(text);
  });

  it.each([
    [['add', 'pastel.safetensors'], '--model is required'],
    [['add', 'nowhere.safetensors', '--model', 'm'], 'cannot read nowhere.safetensors'],
  ])('asks nothing of the API for %j', async (args, text) => {
    const { code, stderr, asked } = await run(apiWith(), ...args);

    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(asked).toEqual([]);
  });
});

describe('adapters list and remove', () => {
  it('print what the API says', async () => {
    const list = { status: 200, body: { object: 'list', data: [adapter], next_cursor: null } };
    const gone = { status: 200, body: { id: adapter.id, object: 'adapter', deleted: true } };

    const listed = await run(() => list, 'list');
    const empty = await run(() => ({ ...list, body: { ...list.body, data: [] } }), 'list');
    const removed = await run(() => gone, 'remove', adapter.id);

    expect(listed.stdout).toMatch(/^ID +NAME +MODEL +SIZE +RANK +STATUS\nadapter_\S+ +pastel .+ready/);
    expect(empty.stderr).toContain('no adapters');
    expect(removed.asked).toEqual([`DELETE /v1/adapters/${adapter.id}`]);
    expect(removed.stdout).toContain('is deleted');
  });
});

describe('--adapter of generate', () => {
  it.each([
    ['adapter_1', { id: 'adapter_1' }],
    ['adapter_1:0.8', { id: 'adapter_1', weight: 0.8 }],
    ['adapter_1:-1', { id: 'adapter_1', weight: -1 }],
  ])('reads %s', (text, asked) => {
    expect(adapterOf(text)).toEqual(asked);
  });

  it.each(['adapter_1:', 'adapter_1:heavy', 'adapter_1:1:2', 'adapter_1:Infinity'])('refuses %s', (text) => {
    expect(() => adapterOf(text)).toThrow('--adapter takes ID or ID:WEIGHT');
  });
});
