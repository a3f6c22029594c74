/** Requests as guides to servers of one's own show them, copied as they are, at the port of a tenant. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from './listen.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const longMs = 180_000;

let folder: string;
let platform: Platform;
/** Of the tenant's own port. */
let url: string;
let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-simple-'));
  platform = await startPlatform({
    port: 0,
    dataDir: join(folder, 'data'),
    workersMin: 1,
    workersMax: 1,
    idleTimeoutMs: 5 * longMs,
  });
  const port = await freePort();
  const admin = {
    authorization: `Bearer ${platform.credentials.admin_key}`,
    'content-type': 'application/json',
  };
  const body = JSON.stringify({ id: 'guided', plan: 'vip', port });
  const made = await fetch(`${platform.url}/admin/v1/tenants`, { method: 'POST', headers: admin, body });
  key = Object(await made.json()).key.secret;
  url = `http://127.0.0.1:${port}`;
}, longMs);

afterAll(async () => {
  await platform?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = new URL(await listen(server, 0));
  await new Promise((resolve) => server.close(resolve));
  return Number(port);
}

async function ask(path: string, body?: object) {
  const answer = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: Object(await answer.json()) };
}

describe('a request that was copied', () => {
  it(
    'draws a prompt, and says what is in a picture that is nothing but its base64; neither names a model',
    async () => {
      const { status, json: task } = await ask('/generate', {
        prompt: 'a red ring above a blue square',
        width: 256,
        height: 256,
        num_inference_steps: 4,
        seed: 7,
      });
      let seen = await ask(task.status_url);
      while (['queued', 'generating'].includes(seen.json.status)) seen = await ask(task.status_url);
      const picture = await fetch(seen.json.images[0]);

      expect([status, task.status]).toEqual([202, 'queued']);
      expect(seen.json).toMatchObject({ task_id: task.task_id, status: 'done', progress: 1 });
      expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
      const bytes = Buffer.from(await picture.arrayBuffer());
      expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([256, 256]);

      const content = [{ image: bytes.toString('base64') }, { text: 'What shapes are there?' }];
      const said = await ask('/v1/completions', { messages: [{ role: 'user', content }], max_tokens: 32 });

      expect([said.status, said.json.object]).toEqual([200, 'text_completion']);
      expect(said.json.choices[0].text).toMatch(/ring|square/);
    },
    longMs,
  );

  it(
    'says why it failed',
    async () => {
      const { json } = await ask('/generate', { model: 'fake', prompt: 'a lighthouse', fault: 'error' });
      let seen = await ask(`/status/${json.task_id}`);
      while (['queued', 'generating'].includes(seen.json.status)) seen = await ask(`/status/${json.task_id}`);

      expect(seen.json).toMatchObject({ status: 'failed', error: 'The model failed on this input.' });
    },
    longMs,
  );
});
