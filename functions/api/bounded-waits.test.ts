/** Calls of a tenant that wait, by every route that has them: with its streams they are as many as it has places. */
import { describe, expect, it } from 'vitest';
import type { RouteId } from '#core/api/routes.ts';
import { apiLimits, streamLimits } from '#core/limits.ts';
import type { Streams } from '#core/ports/streams.ts';
import { sampleTenant } from '#core/samples.ts';
import { createMemoryStreams } from '#sim/memory/memory-streams.ts';
import type { Got, Sent } from './api-scene.ts';
import { openDialectScene } from './dialects/openai/dialect-scene.ts';

const input = { prompt: 'a lighthouse' };
const chat = { model: 'fake-chat', messages: [{ role: 'user', content: 'hello' }] };
const streamedChat = { model: 'fake-chat', input: { messages: chat.messages }, stream: true };
const preferred = { prefer: 'wait=60' };
const runpod = '/runpod/v2/fake-image';
const predictions = '/replicate/v1/models/pilotlight/fake-image/predictions';

type Asked = readonly [route: RouteId, path: (jobId: string) => string, sent?: Sent];

const reading: readonly Asked[] = [
  ['getJob', (id) => `/v1/jobs/${id}?wait=60`],
  ['getJob', (id) => `/v1/jobs/${id}`, { headers: preferred }],
  ['runpodStatusSync', (id) => `${runpod}/status-sync/${id}?wait=60000`],
  ['runpodStream', (id) => `${runpod}/stream/${id}`],
];
const submitting: readonly Asked[] = [
  ['submitJob', () => '/v1/jobs?wait=60', { body: { model: 'fake-image', input } }],
  ['runpodRunSync', () => `${runpod}/runsync?wait=60000`, { body: { input } }],
  ['replicateCreateModelPrediction', () => predictions, { body: { input }, headers: preferred }],
];
const answeredOnce: readonly Asked[] = [
  ['createChatCompletion', () => '/v1/chat/completions', { body: chat }],
  ['createCompletion', () => '/v1/completions', { body: { model: 'fake-chat', prompt: 'a' } }],
  ['createImage', () => '/v1/images/generations', { body: { model: 'fake-image', prompt: 'a' } }],
  ['falRun', () => '/fal/run/pilotlight/fake-image', { body: input }],
];

/** With the places that calls asked for, and those that they hold. */
async function openScene(change: Partial<Streams> = {}) {
  const streams = createMemoryStreams();
  const asked: string[] = [];
  const held = new Set<string>();
  const counted: Streams = {
    async open(tenantId, streamId, how) {
      asked.push(streamId);
      const outcome = await streams.open(tenantId, streamId, how);
      if (outcome === 'opened') held.add(streamId);
      return outcome;
    },
    async close(tenantId, streamId) {
      await streams.close(tenantId, streamId);
      held.delete(streamId);
    },
    ...change,
  };
  const scene = await openDialectScene({ change: { streams: counted } });
  return {
    ...scene,
    asked,
    held,
    ask: ([route, path, sent]: Asked, jobId = '', change: Sent = {}): Promise<Got> =>
      scene.send(route, path(jobId), { ...sent, ...change }),
    async takeAllPlaces(): Promise<void> {
      const nowMs = scene.clock.nowMs();
      const place = { max: streamLimits.openMax, nowMs, untilMs: nowMs + streamLimits.placeMs };
      for (let count = 0; count < streamLimits.openMax; count += 1) {
        await streams.open(scene.tenant.tenantId, `held-${count}`, place);
      }
    },
  };
}

type Scene = Awaited<ReturnType<typeof openScene>>;

async function jobsOf({ jobs, tenant }: Scene): Promise<string[]> {
  const { items } = await jobs.list(tenant.tenantId, { limit: 10 });
  return items.map(({ status }) => status);
}

/** One test for each, by the name of its route. */
const each = (asked: readonly Asked[]) => asked.map((one) => [one[0], one] as const);

describe('a call that waits', () => {
  it('finds no place where one request was repeated as often as there are places', async () => {
    const scene = await openScene();
    const repeated: Sent = { body: chat, headers: { 'idempotency-key': 'order-17' } };
    const send = () => scene.send('createChatCompletion', '/v1/chat/completions', repeated);
    const first = send();
    await scene.clock.advance(1);
    const replays = Array.from({ length: streamLimits.openMax + 20 }, send);
    await scene.clock.advance(1);

    const heldAtOnce = scene.held.size;
    const answers = await scene.whileWorking(Promise.all([first, ...replays]));

    expect(heldAtOnce).toBe(streamLimits.openMax);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(streamLimits.openMax);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(21);
    expect(scene.held.size).toBe(0);
  });

  it.each(each([...reading, ...submitting]))('%s holds a place until its wait is over', async (_, one) => {
    const scene = await openScene();
    const id = await scene.submit({ prompt: 'another' });

    const answer = scene.ask(one, id);
    await scene.clock.advance(1_000);
    const heldMeanwhile = scene.held.size;
    await scene.clock.advance(60_000);

    expect((await answer).status).toBeLessThan(300);
    expect([heldMeanwhile, scene.held.size]).toEqual([1, 0]);
  });

  it.each(each([...submitting, ...answeredOnce]))(
    '%s gives its place back with the result',
    async (_, one) => {
      const scene = await openScene();

      const got = await scene.whileWorking(scene.ask(one));

      expect(got.status).toBeLessThan(300);
      expect(scene.held.size).toBe(0);
    },
  );

  it.each(each([...reading, ...submitting, ...answeredOnce]))(
    '%s gives its place back where its client hangs up',
    async (_, one) => {
      const scene = await openScene();
      const id = await scene.submit({ prompt: 'another' });
      const gone = new AbortController();

      const answer = scene.ask(one, id, { gone: gone.signal });
      await scene.clock.advance(1_000);
      const heldMeanwhile = scene.held.size;
      gone.abort();
      await answer;

      expect([heldMeanwhile, scene.held.size]).toEqual([1, 0]);
    },
  );

  it.each(each(answeredOnce))('%s gives its place back where it is refused', async (_, one) => {
    const scene = await openScene();

    const got = await scene.ask(one, '', { body: Object.assign({}, one[2]?.body, { model: 'no-such' }) });

    expect(got.status).toBeGreaterThanOrEqual(400);
    expect([scene.asked.length, scene.held.size]).toEqual([1, 0]);
  });

  it('gives its place back where the store fails meanwhile', async () => {
    const scene = await openScene();
    const id = await scene.submit();
    const answer = scene.send('getJob', `/v1/jobs/${id}?wait=60`);
    await scene.clock.advance(1_000);
    const { get } = scene.jobs;

    scene.jobs.get = () => Promise.reject(new Error('the store is away'));
    await scene.clock.advance(1_000);
    scene.jobs.get = get;

    expect((await answer).status).toBe(500);
    expect(scene.held.size).toBe(0);
  });
});

describe('a tenant that has no place left', () => {
  it.each(each([...reading, ...submitting]))('is soon told by %s how the job stands', async (_, one) => {
    const scene = await openScene();
    const id = await scene.submit({ prompt: 'another' });
    await scene.takeAllPlaces();

    const answer = scene.ask(one, id);
    // What waits for text looks once more where the time ends between two looks.
    await scene.clock.advance(2 * apiLimits.pollMsMax);

    expect((await answer).status).toBe(submitting.includes(one) && one[0] !== 'runpodRunSync' ? 202 : 200);
    expect(scene.clock.nextWakeMs()).toBeNull();
    expect(new Set(await jobsOf(scene))).toEqual(new Set(['queued']));
  });

  it.each(each(answeredOnce))('is refused by %s before there is a job', async (_, one) => {
    const scene = await openScene();
    await scene.takeAllPlaces();

    const got = await scene.ask(one);

    expect([got.status, got.json.error.code]).toEqual([429, 'concurrency_limit']);
    expect(await jobsOf(scene)).toEqual([]);
  });

  it('leaves the places of another alone', async () => {
    const scene = await openScene();
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    await scene.takeAllPlaces();

    const got = await scene.whileWorking(
      scene.send('createChatCompletion', '/v1/chat/completions', { body: chat, key }),
    );

    expect(got.status).toBe(200);
  });

  it('is told what a job has said all the same', async () => {
    const scene = await openScene();
    const { id } = (await scene.send('submitJob', '/v1/jobs', { body: streamedChat })).json;
    await scene.start(id);
    const piece = { attempt: 1, at: 0, text: 'Good', isLast: false, toldAtMs: scene.clock.nowMs() };
    await scene.jobEvents.append('tenant-a', id, piece);
    await scene.takeAllPlaces();

    const answer = scene.send('runpodStream', `${runpod}/stream/${id}`);
    await scene.clock.advance(apiLimits.pollMsMax);

    expect((await answer).json.stream).toEqual([{ output: 'Good' }]);
  });
});

describe('no place is asked for', () => {
  it.each(each(reading))('by %s of a job that has ended', async (_, one) => {
    const scene = await openScene();
    const id = await scene.submit();
    await scene.finish(id);

    expect((await scene.ask(one, id)).status).toBe(200);
    expect(scene.asked).toEqual([]);
  });

  it.each([
    ['getJob', (id) => `/v1/jobs/${id}?wait=2`],
    ['runpodCancel', (id) => `${runpod}/cancel/${id}`, { body: {} }],
  ] satisfies Asked[])('by %s for a wait of two seconds', async (...one) => {
    const scene = await openScene();
    const id = await scene.submit();
    await scene.start(id);

    const answer = scene.ask(one, id);
    await scene.clock.advance(apiLimits.briefWaitMs);

    expect((await answer).status).toBe(200);
    expect(scene.asked).toEqual([]);
  });
});

describe('a store that fails as a place is asked for', () => {
  const fails: Partial<Streams> = { open: () => Promise.reject(new Error('the store is away')) };

  it('costs an accepted job its wait and not its answer', async () => {
    const scene = await openScene(fails);

    const answer = scene.send('submitJob', '/v1/jobs?wait=60', { body: { model: 'fake-image', input } });
    await scene.clock.advance(apiLimits.pollMsMax);

    expect((await answer).status).toBe(202);
    expect(scene.log.lines.map(({ event }) => event)).toContain('wait.no_place');
  });
});
