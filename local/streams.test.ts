/** Streams on the whole stack: real worker processes, real connections, many at once. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { Agent, EventSource, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isTerminal } from '#core/job/job.ts';
import { listen } from './listen.ts';
import type { Platform } from './platform.ts';
import { startPlatform } from './platform.ts';

const longMs = 240_000;
const pollMs = 60_000;
const tenants = ['ada', 'bob', 'cem', 'dag'] as const;
const streamsOfEach = 50;

let folder: string;
let platform: Platform;
const keys = new Map<string, string>();
/** Every stream has a connection of its own, as clients of their own have. */
const sockets = new Agent({ connections: null, headersTimeout: longMs, bodyTimeout: longMs });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-streams-'));
  platform = await startPlatform({
    port: 0,
    dataDir: join(folder, 'data'),
    workersMin: 1,
    workersMax: 1,
    idleTimeoutMs: longMs,
  });
  for (const id of tenants) {
    const made = await ask(platform.credentials.admin_key, 'POST', '/admin/v1/tenants', { id, plan: 'vip' });
    keys.set(id, JSON.parse(await made.body.text()).key.secret);
  }
}, longMs);

afterAll(async () => {
  await sockets.destroy();
  await platform?.close();
  rmSync(folder, { recursive: true, force: true });
});

function ask(key: string, method: 'GET' | 'POST', path: string, body?: unknown) {
  return request(`${platform.url}${path}`, {
    method,
    dispatcher: sockets,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function chat(tenant: string, index: number, change: object = {}) {
  const content = `the ${index}. lighthouse of ${tenant} at the sea`;
  const messages = [{ role: 'user', content }];
  const body = { model: 'fake-chat', messages, step_ms: 5, stream: true, ...change };
  return ask(keys.get(tenant) ?? '', 'POST', '/v1/chat/completions', body);
}

function textOf(sse: string): string {
  return sse
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)).choices[0]?.delta.content ?? '')
    .join('');
}

async function openPlaces(): Promise<number> {
  let open = 0;
  for (const tenant of tenants) {
    // As many as there may be: who is refused one tells how many are taken.
    const place = { max: 1, nowMs: Date.now(), untilMs: Date.now() + 1 };
    if ((await platform.ports.streams.open(tenant, 'probe', place)) === 'full') open += 1;
    await platform.ports.streams.close(tenant, 'probe');
  }
  return open;
}

describe('200 streams at once', () => {
  it(
    'each get their own text to its end, and leave nothing open',
    async () => {
      const asked = tenants.flatMap((tenant) =>
        Array.from({ length: streamsOfEach }, async (_, index) => {
          const answer = await chat(tenant, index);
          return { tenant, index, status: answer.statusCode, sse: await answer.body.text() };
        }),
      );

      const answers = await Promise.all(asked);

      expect(answers).toHaveLength(200);
      for (const { tenant, index, status, sse } of answers) {
        expect(status).toBe(200);
        expect(textOf(sse)).toBe(`You said: the ${index}. lighthouse of ${tenant} at the sea`);
        expect(sse.trimEnd().endsWith('data: [DONE]')).toBe(true);
      }
      await expect.poll(openPlaces, { timeout: pollMs }).toBe(0);
    },
    longMs,
  );

  it(
    'that are cut off by their clients cancel their jobs and leave nothing open',
    async () => {
      const gone = new AbortController();
      const asked = Array.from({ length: streamsOfEach }, async (_, index) => {
        const body = { model: 'fake-chat', messages: [{ role: 'user', content: 'word '.repeat(300) }] };
        const answer = await request(`${platform.url}/v1/chat/completions`, {
          method: 'POST',
          dispatcher: sockets,
          signal: gone.signal,
          headers: { authorization: `Bearer ${keys.get('ada')}`, 'content-type': 'application/json' },
          body: JSON.stringify({ ...body, max_tokens: 300, step_ms: 200, stream: true, seed: index }),
        });
        answer.body.on('error', () => undefined).resume();
        return String(answer.headers['x-pilotlight-job-id']);
      });
      const ids = await Promise.all(asked);
      gone.abort();

      const states = async () => {
        const jobs = await Promise.all(ids.map((id) => platform.ports.jobs.get('ada', id)));
        return jobs.filter((job) => job !== null && isTerminal(job)).map((job) => job?.status);
      };

      await expect.poll(states, { timeout: pollMs }).toEqual(ids.map(() => 'canceled'));
      await expect.poll(openPlaces, { timeout: pollMs }).toBe(0);
    },
    longMs,
  );
});

describe('a native stream', () => {
  it(
    'tells a job from its line to its result, and goes on where a reader left it',
    async () => {
      const key = keys.get('bob') ?? '';
      const input = { messages: [{ role: 'user', content: 'a lighthouse by the sea' }], step_ms: 150 };
      const made = await ask(key, 'POST', '/v1/jobs', { model: 'fake-chat', input, stream: true });
      const { urls } = JSON.parse(await made.body.text());

      const whole = await (await ask(key, 'GET', urls.events)).body.text();
      const ids = [...whole.matchAll(/^id: (1-\d+)\nevent: delta$/gm)].map(([, id]) => id ?? '');
      const [first = ''] = ids;
      const rest = await request(`${platform.url}${urls.events}`, {
        dispatcher: sockets,
        headers: { authorization: `Bearer ${key}`, 'last-event-id': first },
      });

      const deltasOf = (sse: string) =>
        [...sse.matchAll(/^event: delta\ndata: (.*)$/gm)]
          .map(([, data = '']) => JSON.parse(data).text)
          .join('');
      const said = 'You said: a lighthouse by the sea';
      expect(deltasOf(whole)).toBe(said);
      expect(ids.length).toBeGreaterThan(1);
      expect(deltasOf(await rest.body.text())).toBe(said.slice(Number(first.split('-')[1])));
      expect(whole).toMatch(/^event: output$/m);
      expect(whole.trimEnd().split('\n').slice(-3)[0]).toBe('id: done');
    },
    longMs,
  );
});

describe("a prediction's stream", () => {
  it(
    'goes on after each break, as an EventSource of the standard reads it, and is let be after its end',
    async () => {
      const key = keys.get('cem') ?? '';
      const input = { prompt: 'a lighthouse by the sea', step_ms: 400 };
      const path = '/replicate/v1/models/pilotlight/fake-chat/predictions';
      const made = await ask(key, 'POST', path, { input, stream: true });
      const { urls } = JSON.parse(await made.body.text());
      const front = await openBreaking(urls.stream);

      let said = '';
      const source = new EventSource(front.url, { node: { reconnectionTime: 100 } });
      source.addEventListener('output', (event) => {
        said += (event as MessageEvent).data;
      });
      await once(source, 'done');
      const isClosed = () => source.readyState === EventSource.CLOSED;

      await expect.poll(isClosed, { timeout: pollMs }).toBe(true);
      front.close();
      expect(said).toBe('You said: a lighthouse by the sea');
      expect(front.lastEventIds[0]).toBeUndefined();
      expect(front.lastEventIds.length).toBeGreaterThan(3);
      expect(front.lastEventIds.at(-1)).toBe('done');
    },
    longMs,
  );
});

/** Stands in front of one stream, which breaks off after each event. */
async function openBreaking(stream: string) {
  const lastEventIds: (string | undefined)[] = [];
  const server = createServer(async ({ headers }, response) => {
    const id = headers['last-event-id'];
    const lastEventId = Array.isArray(id) ? id[0] : id;
    lastEventIds.push(lastEventId);
    const sent = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const { statusCode, body } = await request(stream, { dispatcher: sockets, headers: sent });
    body.on('error', () => undefined);
    response.writeHead(statusCode, { 'content-type': 'text/event-stream' });
    for await (const piece of body) {
      const [event = ''] = String(piece).split(/(?<=\n\n)/);
      response.write(event);
      break;
    }
    response.end();
  });
  return { url: await listen(server, 0), lastEventIds, close: () => server.close() };
}

describe('a job that is drawn', () => {
  it(
    'is shown to who follows it while it is drawn, and comes out as one that nobody looks at',
    async () => {
      const key = keys.get('ada') ?? '';
      const drawn = async (stream: boolean) => {
        const input = { prompt: 'a red ring above a blue square', size: 512, steps: 16, n: 2, seed: 7 };
        const body = { model: 'pilotlight-shapes', input, stream, cache: false };
        const { id } = JSON.parse(await (await ask(key, 'POST', '/v1/jobs', body)).body.text());
        return (await ask(key, 'GET', `/v1/jobs/${id}/events`)).body.text();
      };

      const [watched, alone] = [await drawn(true), await drawn(false)];

      const names = (sse: string) => [...sse.matchAll(/^event: (.+)$/gm)].map(([, name]) => name);
      const [, image = ''] = /"image":"data:image\/jpeg;base64,([^"]+)"/.exec(watched) ?? [];
      expect(names(watched)).toContain('preview');
      expect(names(watched).lastIndexOf('preview')).toBeLessThan(names(watched).indexOf('output'));
      expect(await sharp(Buffer.from(image, 'base64')).metadata()).toMatchObject({
        format: 'jpeg',
        width: 64,
      });
      expect(names(alone)).not.toContain('preview');
      for (const sse of [watched, alone]) expect(names(sse).at(-1)).toBe('done');
      const sha256 = (sse: string) => /"sha256":"([0-9a-f]{64})"/.exec(sse)?.[1];
      expect(sha256(watched)).toBe(sha256(alone));
    },
    longMs,
  );
});
