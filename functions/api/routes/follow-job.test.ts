import { describe, expect, it } from 'vitest';
import { streamLimits } from '#core/limits.ts';
import { createCatalog } from '#core/models/manifest.ts';
import { sampleTenant } from '#core/samples.ts';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
import type { ApiScene, Got } from '../api-scene.ts';
import { createApiScene } from '../api-scene.ts';

interface Told {
  readonly id: string | undefined;
  readonly event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: each event has data of its own form, which the tests look into.
  readonly data: any;
}

function openScene(): Promise<ApiScene> {
  return createApiScene({ change: { catalog: createCatalog([fakeManifest, fakeChatManifest]) } });
}

async function chat(scene: ApiScene, body: object = {}): Promise<string> {
  const input = { messages: [{ role: 'user', content: 'hello' }] };
  const got = await scene.send('submitJob', '/v1/jobs', {
    body: { model: 'fake-chat', input, stream: true, ...body },
  });
  return got.json.id;
}

function follow(scene: ApiScene, id: string, lastEventId?: string): Promise<Got> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
  return scene.send('followJob', `/v1/jobs/${id}/events`, { headers });
}

/** As a reader of event streams takes the text apart. */
function eventsOf({ text }: Got): Told[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s)));
      return { id: fields.id, event: fields.event, data: JSON.parse(fields.data) };
    });
}

function namesOf(got: Got): (string | undefined)[] {
  return eventsOf(got).map(({ event }) => event);
}

/** What a worker writes of the job's first attempt. */
async function say(scene: ApiScene, jobId: string, texts: readonly string[], attempt = 1): Promise<void> {
  let at = 0;
  for (const text of texts) {
    const piece = { attempt, at, text, isLast: false, toldAtMs: scene.clock.nowMs() };
    await scene.jobEvents.append('tenant-a', jobId, piece);
    at += text.length;
  }
}

describe('200', () => {
  it('tells how a job stands, how far it is, its result and itself, and ends', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    const following = follow(scene, id);
    await scene.clock.advance(1_000);
    await scene.finish(id);
    await scene.clock.advance(1_000);

    const got = await following;

    const events = eventsOf(got);
    expect(got.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-pilotlight-job-id': id,
    });
    expect(namesOf(got)).toEqual(['state', 'state', 'output', 'done']);
    expect(events[0]?.data).toMatchObject({
      status: 'queued',
      attempt: 0,
      wait: { reason: 'starting_worker', position: 0 },
    });
    expect(events[1]?.data).toEqual({ status: 'succeeded', attempt: 1, wait: null });
    expect(events[2]?.data).toMatchObject({ index: 0, type: 'image', url: `/v1/jobs/${id}/output/0` });
    expect(events[3]).toMatchObject({ id: 'done', data: { id, object: 'job', status: 'succeeded' } });
  });

  it('tells what the job says as it is written, under ids that say how much of it was told', async () => {
    const scene = await openScene();
    const id = await chat(scene);
    const gone = new AbortController();
    const following = scene.send('followJob', `/v1/jobs/${id}/events`, { gone: gone.signal });
    await scene.clock.advance(500);
    await scene.start(id);
    await say(scene, id, ['Good ', 'morning 灯台']);
    await scene.clock.advance(1_000);
    gone.abort();

    const deltas = eventsOf(await following).filter(({ event }) => event === 'delta');

    expect(deltas).toEqual([
      { id: '1-5', event: 'delta', data: { attempt: 1, text: 'Good ' } },
      { id: '1-15', event: 'delta', data: { attempt: 1, text: 'morning 灯台' } },
    ]);
  });

  it('shows how a picture looks while it is drawn, as a picture that browsers take', async () => {
    const scene = await openScene();
    const input = { prompt: 'a lighthouse' };
    const sent = await scene.send('submitJob', '/v1/jobs', {
      body: { model: 'fake-image', input, stream: true },
    });
    const { id } = sent.json;
    const preview = { step: 4, steps: 8, contentType: 'image/jpeg', width: 128, height: 96 } as const;
    for (const [at, byte] of [250, 251].entries()) {
      const body = Uint8Array.of(255, byte);
      const piece = { attempt: 1, at, text: '', isLast: false, toldAtMs: scene.clock.nowMs() };
      await scene.jobEvents.append('tenant-a', id, { ...piece, preview: { ...preview, body } });
    }
    await scene.finish(id);

    const [whole, rest] = [await follow(scene, id), await follow(scene, id, '1-1')];

    const shape = { attempt: 1, step: 4, steps: 8, width: 128, height: 96 };
    const shown = (got: Got) => eventsOf(got).filter(({ event }) => event === 'preview');
    expect(shown(whole)).toEqual([
      { id: '1-1', event: 'preview', data: { ...shape, image: 'data:image/jpeg;base64,//o=' } },
      { id: '1-2', event: 'preview', data: { ...shape, image: 'data:image/jpeg;base64,//s=' } },
    ]);
    expect(shown(rest).map(({ id: seen }) => seen)).toEqual(['1-2']);
  });

  it('goes on behind the last event that was seen', async () => {
    const scene = await openScene();
    const id = await chat(scene);
    await say(scene, id, ['Good ', 'morning ', 'to you']);
    await scene.finish(id);

    const texts = await Promise.all(
      ['0-0', '1-0', '1-5', '1-13', '1-19'].map(async (lastEventId) =>
        eventsOf(await follow(scene, id, lastEventId))
          .filter(({ event }) => event === 'delta')
          .map(({ data }) => data.text)
          .join(''),
      ),
    );

    expect(texts).toEqual(['Good morning to you', 'Good morning to you', 'morning to you', 'to you', '']);
  });

  it('tells why a job has no result', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    await scene.send('cancelJob', `/v1/jobs/${id}/cancel`);

    const got = await follow(scene, id);

    expect(namesOf(got)).toEqual(['state', 'error', 'done']);
    expect(eventsOf(got)[1]?.data).toMatchObject({ code: 'canceled', retryable: false });
  });

  it('says that it lives every 15 seconds in which there is nothing to tell', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    const gone = new AbortController();
    const following = scene.send('followJob', `/v1/jobs/${id}/events`, { gone: gone.signal });
    await scene.clock.advance(4 * streamLimits.pingMs);
    gone.abort();

    const { text } = await following;

    expect(text.match(/^: ping$/gm)).toHaveLength(3);
    expect(text).not.toContain('done');
  });

  it('ends without `done` when its time is over, for the client to come back', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    const following = scene.send('followJob', `/v1/jobs/${id}/events`, { remainingMs: 61_000 });
    await scene.clock.advance(65_000);

    const got = await following;

    expect(namesOf(got)).toEqual(['state']);
    expect(scene.clock.nextWakeMs()).toBeNull();
  });

  it('stops at once when the client hangs up, and gives its place back', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    const gone = new AbortController();
    const followings = Array.from({ length: streamLimits.openMax }, () =>
      scene.send('followJob', `/v1/jobs/${id}/events`, { gone: gone.signal }),
    );
    await scene.clock.advance(1_000);
    const refused = await follow(scene, id);

    gone.abort();
    await Promise.all(followings);

    expect(refused.status).toBe(429);
    expect(scene.clock.nextWakeMs()).toBeNull();
    await scene.finish(id);
    expect((await follow(scene, id)).status).toBe(200);
  });

  it('breaks off without an end when the store fails in between, and says nothing of it', async () => {
    const base = await openScene();
    const id = await base.submit();
    let isBroken = false;
    const jobs = {
      ...base.jobs,
      get: (...ask: Parameters<typeof base.jobs.get>) =>
        isBroken ? Promise.reject(new Error('canary of the store')) : base.jobs.get(...ask),
    };
    const scene = await createApiScene({ change: { ...base, jobs } });
    const following = scene.send('followJob', `/v1/jobs/${id}/events`, { key: base.key });
    await base.clock.advance(100);
    isBroken = true;
    await base.clock.advance(5_000);

    const got = await following;

    expect(namesOf(got)).toEqual(['state']);
    expect(JSON.stringify(base.log.lines)).toContain('stream.broken');
    expect(JSON.stringify(base.log.lines)).not.toContain('canary');
  });
});

describe('204', () => {
  it('tells a reader that has seen the end not to come back', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    await scene.finish(id);

    const got = await follow(scene, id, 'done');

    expect([got.status, got.text]).toEqual([204, '']);
  });
});

describe('400', () => {
  it.each([
    ['', 'nothing'],
    ['done', 'the end of a job that has not ended'],
    ['2-0', 'an attempt that never was'],
    ['1', 'no place'],
    ['01-1', 'a number written otherwise'],
    ['1-9999999999', 'a place beyond all texts'],
    ['-1-2', 'a negative number'],
    ['1-1; DROP', 'something else'],
  ])('refuses the last event id "%s": %s', async (lastEventId) => {
    const scene = await openScene();
    const id = await scene.submit();
    await scene.start(id);

    const got = await follow(scene, id, lastEventId);

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'last-event-id' });
  });

  it('takes no query', async () => {
    const scene = await openScene();

    const got = await scene.send('followJob', `/v1/jobs/${await scene.submit()}/events?wait=1`);

    expect(got.status).toBe(400);
  });
});

describe('404', () => {
  it('answers for the job of another tenant as for none, whatever event was seen', async () => {
    const scene = await openScene();
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const id = await scene.submit();

    for (const lastEventId of ['1-0', 'done', 'x']) {
      const headers = { 'last-event-id': lastEventId };
      const got = await scene.send('followJob', `/v1/jobs/${id}/events`, { key, headers });

      expect(got.status).toBe(404);
    }
  });
});

describe('429', () => {
  it('is for the stream beyond those that a tenant may have open, and other tenants do not feel it', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    const nowMs = scene.clock.nowMs();
    const place = { max: streamLimits.openMax, nowMs, untilMs: nowMs + streamLimits.placeMs };
    for (let open = 0; open < streamLimits.openMax; open += 1) {
      await scene.streams.open('tenant-a', `open${open}`, place);
    }
    await scene.finish(id);

    const got = await follow(scene, id);
    await scene.clock.advance(streamLimits.placeMs);
    const later = await follow(scene, id);

    expect(got.json.error).toMatchObject({ code: 'concurrency_limit', retryable: true });
    expect(got.headers['retry-after']).toBe('1');
    expect(later.status).toBe(200);
  });
});
