import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import type { MemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { answered, createMemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { isSignedBy } from '#sim/world/verify-message.ts';
import { digest } from '../canonical.ts';
import type { JobRecord } from '../job/job.ts';
import { webhookLimits } from '../limits.ts';
import { sampleEndpoint, sampleJob } from '../samples.ts';
import type { DeliveryRecord } from '../webhook/delivery.ts';
import { claimed, replayed, testDelivery } from '../webhook/delivery.ts';
import type { EndpointRecord } from '../webhook/endpoint.ts';
import { afterReceipt, rotated } from '../webhook/endpoint.ts';
import { formatPublicKey, formatSecret, sharedSecret, signingKey } from '../webhook/secret.ts';
import { announce } from './announce.ts';
import type { DeliverPorts } from './deliver.ts';
import { createDeliverer, deliverDue, deliverUntil } from './deliver.ts';

const webhookKey = 'the key of this platform, 32 or more';
const { retryDelaysMs, timeoutMs, claimMs } = webhookLimits;

interface Scene extends FlowWorld {
  readonly outbound: MemoryOutbound;
  readonly ports: DeliverPorts;
  /** A job that has ended, announced to whoever is there. */
  end(overrides?: Partial<JobRecord>): Promise<JobRecord>;
  endpoint(overrides?: Partial<EndpointRecord>): Promise<EndpointRecord>;
  /** Looks, and lets time go on, a second at a time. */
  pass(ms: number): Promise<void>;
  /** Looks whenever the one delivery of this endpoint is due, until it is over. */
  passTries(endpoint: EndpointRecord): Promise<void>;
  logOf(endpoint: EndpointRecord): Promise<DeliveryRecord[]>;
}

let jobs = 0;

async function openScene(): Promise<Scene> {
  const world = await createFlowWorld();
  const outbound = createMemoryOutbound(world);
  const ports = { ...world, outbound, webhookKey, chance: () => 0 };
  const deliverer = createDeliverer(ports);
  const logOf = async ({ tenantId, endpointId }: EndpointRecord) =>
    (await world.deliveries.list(tenantId, endpointId)).items;
  return {
    ...world,
    outbound,
    ports,
    async end(overrides = {}) {
      jobs += 1;
      const jobId = `job_${String(jobs).padStart(26, '0')}`;
      const finishedAtMs = world.clock.nowMs();
      const job = sampleJob({
        jobId,
        status: 'succeeded',
        place: { kind: 'done' },
        finishedAtMs,
        ...overrides,
      });
      await world.jobs.create(job);
      await announce(world, job);
      return job;
    },
    async endpoint(overrides = {}) {
      const endpoint = sampleEndpoint(overrides);
      await world.endpoints.put(endpoint);
      return endpoint;
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += webhookLimits.tickMs) {
        await deliverer.look();
        await world.clock.advance(Math.min(webhookLimits.tickMs, ms - passed));
      }
      await deliverer.look();
      await world.clock.advance(0);
    },
    async passTries(endpoint) {
      for (;;) {
        const [delivery] = await logOf(endpoint);
        if (delivery === undefined || delivery.nextAtMs === null) return;
        await world.clock.advance(delivery.nextAtMs - world.clock.nowMs());
        await deliverer.look();
        await deliverer.idle();
      }
    },
    logOf,
  };
}

const hook = 'https://hooks.example/jobs';

describe('a message', () => {
  it('reaches the receiver, signed, and is in the log', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    const job = await scene.end();

    await scene.pass(0);

    const [message, ...more] = scene.outbound.received;
    if (message === undefined) throw new Error('nothing came');
    const name = { tenantId: 'tenant-a', endpointId: endpoint.endpointId, version: 1 };
    const keys = [
      formatSecret(sharedSecret(webhookKey, name)),
      formatPublicKey(signingKey(webhookKey, name)),
    ];
    expect(more).toEqual([]);
    expect(keys.map((key) => isSignedBy(key, message, scene.clock.nowMs()))).toEqual([true, true]);
    expect(JSON.parse(message.body)).toMatchObject({ type: 'job.succeeded', data: { id: job.jobId } });
    const [entry] = await scene.logOf(endpoint);
    expect(entry).toMatchObject({
      deliveryId: message.headers['webhook-id'],
      status: 'delivered',
      jobId: job.jobId,
      tries: [{ status: 204, error: null }],
    });
    expect(await scene.endpoints.get('tenant-a', endpoint.endpointId)).toEqual(endpoint);
  });

  it('is in the dialect of its request, with links that are new on each try, for that request alone', async () => {
    const scene = await openScene();
    await scene.endpoint();
    const form = { dialect: 'replicate', apiUrl: 'https://api.example/prod' } as const;
    const output = { type: 'image', path: 'p.png', contentType: 'image/png', bytes: 7, sha256: '0' } as const;
    const own = 'https://own.example/';
    scene.outbound.listen(own, (_request, tries) => answered(tries === 1 ? 503 : 204));
    await scene.blobs.put('tenant-a', 'p.png', Buffer.from('picture'), 'image/png');
    const job = await scene.end({
      outputs: [output],
      webhook: { url: own, events: ['job.succeeded'], form },
    });

    await scene.pass(10_000);

    const bodiesTo = (url: string) =>
      scene.outbound.received.filter((each) => each.url === url).map(({ body }) => JSON.parse(body));
    const [first, again] = bodiesTo(own);
    expect(bodiesTo(own)).toHaveLength(2);
    expect(again).toMatchObject({
      id: job.jobId,
      status: 'succeeded',
      output: [expect.stringMatching(/^data:/)],
      urls: { get: `https://api.example/prod/replicate/v1/predictions/${job.jobId}` },
    });
    // A pass to its stream is for whoever asked for the prediction.
    expect(again.urls).not.toHaveProperty('stream');
    expect({ ...first, output: null }).toEqual({ ...again, output: null });
    expect(bodiesTo(hook)).toMatchObject([{ type: 'job.succeeded' }]);
  });

  it('in fal’s dialect is signed its way too, with the key that receivers have had for longest', async () => {
    const scene = await openScene();
    const form = { dialect: 'fal', apiUrl: 'https://api.example' } as const;
    const stored = await scene.endpoint({ endpointId: 'default', url: null, events: [] });
    await scene.endpoints.put(rotated(stored, scene.clock.nowMs(), 60_000));
    const text = {
      type: 'text',
      path: 't',
      contentType: 'text/plain',
      bytes: 2,
      sha256: '0',
      text: 'hi',
    } as const;
    const webhook = { url: 'https://own.example/', events: ['job.succeeded' as const], form };
    const job = await scene.end({ outputs: [text], webhook });

    await scene.pass(0);

    const [message] = scene.outbound.received;
    const { headers = {}, body = '' } = message ?? {};
    expect(JSON.parse(body)).toMatchObject({
      request_id: job.jobId,
      status: 'OK',
      error: null,
      payload: { output: 'hi' },
    });
    const timestamp = headers['x-fal-webhook-timestamp'] ?? '';
    const signed = Buffer.from([job.jobId, 'tenant-a', timestamp, digest(body)].join('\n'));
    const signature = Buffer.from(headers['x-fal-webhook-signature'] ?? '', 'hex');
    const believed = [1, 2].map((version) => {
      const key = signingKey(webhookKey, { tenantId: 'tenant-a', endpointId: 'default', version });
      return verify(null, signed, createPublicKey(key), signature);
    });
    expect(believed).toEqual([true, false]);
    expect(timestamp).toBe(String(Math.floor(scene.clock.nowMs() / 1000)));
    // The platform's own signature is there as on every message.
    const name = { tenantId: 'tenant-a', endpointId: 'default', version: 2 };
    if (message === undefined) throw new Error('nothing came');
    expect(isSignedBy(formatSecret(sharedSecret(webhookKey, name)), message, scene.clock.nowMs())).toBe(true);
  });

  it('goes where its job says, signed with the secret of the default webhook as it was rotated', async () => {
    const scene = await openScene();
    const own = 'https://own.example/?token=1';
    await scene.end({ webhook: { url: own, events: ['job.succeeded'] } });
    await scene.pass(0);
    const stored = await scene.endpoint({ endpointId: 'default', url: null, events: [] });
    await scene.endpoints.put(rotated(stored, scene.clock.nowMs(), 0));

    await scene.end({ webhook: { url: own, events: ['job.succeeded'] } });
    await scene.pass(0);

    const believed = scene.outbound.received.map((message) =>
      [1, 2].map((version) => {
        const name = { tenantId: 'tenant-a', endpointId: 'default', version };
        return isSignedBy(formatSecret(sharedSecret(webhookKey, name)), message, scene.clock.nowMs());
      }),
    );
    expect(scene.outbound.received.map(({ url }) => url)).toEqual([own, own]);
    expect(believed).toEqual([
      [true, false],
      [false, true],
    ]);
    expect((await scene.logOf(stored)).map(({ url }) => url)).toEqual([own, own]);
  });

  it('is in no line of the log, nor is its address or a secret', async () => {
    const scene = await openScene();
    const url = 'https://hooks.example/canary-path?token=canary-token';
    await scene.endpoint({ url });
    await scene.end({ input: { prompt: 'canary-prompt' }, metadata: { note: 'canary-note' } });

    await scene.pass(0);

    const text = JSON.stringify(scene.log.lines);
    expect(scene.log.events()).toEqual(['webhook.tried']);
    expect(text).not.toContain('canary');
    expect(text).not.toContain('whsec_');
  });
});

describe('a message that is not taken', () => {
  const failures = [
    ['500', () => answered(500), { status: 500, error: null }],
    ['400', () => answered(400), { status: 400, error: null }],
    ['301', () => answered(301, { location: 'https://evil.example/' }), { status: 301, error: null }],
    [
      'a time-out',
      () => ({ kind: 'failed', reason: 'timeout', detail: '' }) as const,
      { status: null, error: 'timeout' },
    ],
    [
      'no address',
      () => ({ kind: 'failed', reason: 'dns', detail: '' }) as const,
      { status: null, error: 'dns' },
    ],
  ] as const;

  it.each(failures)(
    'for %s is tried by the schedule to its end, under one id, then given up',
    async (...row) => {
      const [, answer, entry] = row;
      const scene = await openScene();
      scene.outbound.listen(hook, answer);
      const endpoint = await scene.endpoint();
      await scene.end();

      await scene.passTries(endpoint);

      const gaps = scene.outbound.received.map(
        ({ atMs }, index, all) => atMs - (all[index - 1]?.atMs ?? atMs),
      );
      expect(gaps.slice(1)).toEqual(retryDelaysMs);
      expect(new Set(scene.outbound.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
      expect(new Set(scene.outbound.received.map(({ body }) => body)).size).toBe(1);
      expect(new Set(scene.outbound.received.map(({ url }) => url))).toEqual(new Set([hook]));
      const [given] = await scene.logOf(endpoint);
      expect(given).toMatchObject({ status: 'failed', reason: 'exhausted', nextAtMs: null });
      expect(given?.tries.at(-1)).toMatchObject(entry);
    },
  );

  it('is taken at a later try', async () => {
    const scene = await openScene();
    scene.outbound.listen(hook, (_request, tries) => answered(tries < 3 ? 503 : 200));
    const endpoint = await scene.endpoint();
    await scene.end();

    await scene.pass(60_000);

    expect((await scene.logOf(endpoint))[0]).toMatchObject({
      status: 'delivered',
      tries: [{ status: 503 }, { status: 503 }, { status: 200 }],
    });
    expect(await scene.endpoints.get('tenant-a', endpoint.endpointId)).toMatchObject({
      failingSinceMs: null,
    });
  });

  it('waits as long as Retry-After asks', async () => {
    const scene = await openScene();
    scene.outbound.listen(hook, (_request, tries) =>
      tries === 1 ? answered(429, { 'retry-after': '300' }) : answered(200),
    );
    await scene.endpoint();
    await scene.end();

    await scene.pass(400_000);

    const [first, second] = scene.outbound.received.map(({ atMs }) => atMs);
    expect((second ?? 0) - (first ?? 0)).toBe(300_000);
  });

  it('for 410 is given up, and disables the webhook: later events are not recorded', async () => {
    const scene = await openScene();
    scene.outbound.listen(hook, () => answered(410));
    const endpoint = await scene.endpoint();
    await scene.end();

    await scene.pass(60_000);
    await scene.end();
    await scene.pass(60_000);

    expect(scene.outbound.received).toHaveLength(1);
    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'failed', reason: 'gone' }]);
    expect(await scene.endpoints.get('tenant-a', endpoint.endpointId)).toMatchObject({
      disabled: { reason: 'gone' },
    });
  });

  it('for an address that the guard refuses is never tried again', async () => {
    const scene = await openScene();
    const refused = { kind: 'refused', rule: 'address_private', detail: 'x' } as const;
    scene.outbound.listen(hook, () => refused);
    const endpoint = await scene.endpoint();
    await scene.end();

    await scene.pass(3_600_000);

    expect(scene.outbound.received).toHaveLength(1);
    expect(await scene.logOf(endpoint)).toMatchObject([
      { status: 'failed', reason: 'refused', tries: [{ status: null, error: 'address_private' }] },
    ]);
  });

  it.each([
    ['endpoint_deleted', (scene: Scene) => scene.endpoints.remove('tenant-a', sampleEndpoint().endpointId)],
    [
      'endpoint_disabled',
      async (scene: Scene) => {
        const gone = afterReceipt(sampleEndpoint(), 'gone', 1);
        if (gone !== null) await scene.endpoints.put(gone);
      },
    ],
  ] as const)('is given up as %s where that came first', async (reason, change) => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    await scene.end();
    await change(scene);

    await scene.pass(0);

    expect(scene.outbound.received).toEqual([]);
    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'failed', reason, tries: [] }]);
  });

  it('is given up when its job is past its retention', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    await scene.end({ retentionMs: 1_000 });
    await scene.clock.advance(5_000);

    await scene.pass(0);

    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'failed', reason: 'job_gone' }]);
  });

  it('disables the webhook after five days in which nothing got through', async () => {
    const scene = await openScene();
    scene.outbound.listen(hook, () => answered(500));
    const endpoint = await scene.endpoint();
    for (let day = 0; day < 6; day += 1) {
      await scene.end();
      await scene.pass(10_000);
      await scene.clock.advance(24 * 3_600_000);
    }

    const disabled = await scene.endpoints.get('tenant-a', endpoint.endpointId);

    expect(disabled?.disabled).toMatchObject({ reason: 'failing' });
    expect((disabled?.disabled?.atMs ?? 0) - (disabled?.failingSinceMs ?? 0)).toBeGreaterThanOrEqual(
      webhookLimits.disableAfterMs,
    );
  });
});

describe('a test', () => {
  it('gets through to a disabled webhook and enables it', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint({ disabled: { reason: 'failing', atMs: 1 }, failingSinceMs: 1 });
    const delivery = testDelivery(endpoint, scene.clock.nowMs(), 'nonce');
    await scene.deliveries.put(delivery);

    await scene.pass(0);

    expect(JSON.parse(scene.outbound.received[0]?.body ?? '')).toMatchObject({
      type: 'endpoint.test',
      data: { id: endpoint.endpointId },
    });
    expect(await scene.endpoints.get('tenant-a', endpoint.endpointId)).toMatchObject({
      disabled: null,
      failingSinceMs: null,
    });
  });
});

describe('a replay', () => {
  it('sends the message again under the same id', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    await scene.end();
    await scene.pass(0);
    const [delivery] = await scene.logOf(endpoint);
    if (delivery === undefined) throw new Error('nothing was recorded');

    await scene.deliveries.put(replayed(delivery, scene.clock.nowMs()));
    await scene.pass(0);

    const [first, second] = scene.outbound.received;
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.body).toBe(first?.body);
  });
});

describe('a process that dies', () => {
  it('between its claim and the answer leaves the message to be tried again', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    await scene.end();
    const [delivery] = await scene.logOf(endpoint);
    if (delivery === undefined) throw new Error('nothing was recorded');
    await scene.deliveries.put(claimed(delivery, scene.clock.nowMs()));

    await scene.pass(claimMs - 1_000);
    expect(scene.outbound.received).toEqual([]);
    await scene.pass(2_000);

    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'delivered', triesSpent: 2 }]);
  });

  it('at every try gives the message up at the end', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    await scene.end();
    const [delivery] = await scene.logOf(endpoint);
    if (delivery === undefined) throw new Error('nothing was recorded');
    let taken = delivery;
    for (let tries = 0; tries <= retryDelaysMs.length; tries += 1) {
      taken = claimed(taken, scene.clock.nowMs());
      await scene.deliveries.put(taken);
    }

    await scene.pass(claimMs + 1_000);

    expect(scene.outbound.received).toEqual([]);
    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'failed', reason: 'exhausted' }]);
  });

  it('or fails at a store sends nothing twice while the store answers', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    await scene.end();
    let broken = true;
    const put: typeof scene.deliveries.put = async (delivery) => {
      if (broken) throw new Error('the store does not answer');
      return scene.deliveries.put(delivery);
    };
    const deliverer = createDeliverer({ ...scene.ports, deliveries: { ...scene.deliveries, put } });

    await deliverer.look();
    await deliverer.idle();
    expect(scene.outbound.received).toEqual([]);
    broken = false;
    await deliverer.look();
    await deliverer.idle();

    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'delivered', triesSpent: 1 }]);
    expect(scene.log.events()).toEqual(['webhook.try_failed', 'webhook.tried']);
  });
});

describe('many at once', () => {
  it('of several processes send each message once', async () => {
    const scene = await openScene();
    await scene.endpoint();
    for (let count = 0; count < 20; count += 1) await scene.end();
    const deliverers = Array.from({ length: 3 }, () => createDeliverer(scene.ports));

    for (let round = 0; round < 30; round += 1) {
      await Promise.all(deliverers.map((each) => each.look()));
      await scene.clock.advance(1_000);
    }

    expect(scene.outbound.received).toHaveLength(20);
  });

  it('of a slow receiver take a bounded share, and hold up nobody else by more than a look', async () => {
    const scene = await openScene();
    const slow = async () => {
      await scene.clock.sleep(timeoutMs);
      return { kind: 'failed', reason: 'timeout', detail: '' } as const;
    };
    for (let tenant = 0; tenant < 20; tenant += 1) {
      const tenantId = `slow-${String(tenant).padStart(2, '0')}`;
      for (const endpointId of ['whe_1', 'whe_2', 'whe_3']) {
        const url = `https://${tenantId}.example/${endpointId}`;
        scene.outbound.listen(url, slow);
        await scene.endpoint({ tenantId, endpointId, url });
      }
      for (let count = 0; count < 30; count += 1) await scene.end({ tenantId });
    }
    await scene.pass(5_000);
    const quiet = await scene.endpoint({ tenantId: 'quiet', url: 'https://quiet.example/' });
    const askedAtMs = scene.clock.nowMs();
    await scene.end({ tenantId: 'quiet' });

    await scene.pass(3_000);

    const [delivery] = await scene.logOf(quiet);
    expect(delivery?.status).toBe('delivered');
    expect((delivery?.tries[0]?.atMs ?? Infinity) - askedAtMs).toBeLessThanOrEqual(2_000);
    const most = [...scene.outbound.underWay.values()].map((each) => each.most);
    expect(Math.max(...most)).toBeLessThanOrEqual(webhookLimits.parallelOfEndpointMax);
    const all = [...scene.outbound.underWay.values()].reduce((sum, { now }) => sum + now, 0);
    expect(all).toBeGreaterThanOrEqual(webhookLimits.parallelMax - webhookLimits.parallelReserved);
    expect(all).toBeLessThanOrEqual(webhookLimits.parallelMax);
  });

  it('to one slow receiver are a few at a time', async () => {
    const scene = await openScene();
    scene.outbound.listen(hook, async () => {
      await scene.clock.sleep(timeoutMs);
      return answered(200);
    });
    await scene.endpoint();
    for (let count = 0; count < 10; count += 1) await scene.end();

    await scene.pass(60_000);

    expect(scene.outbound.received).toHaveLength(10);
    expect(scene.outbound.underWay.get(hook)).toEqual({ now: 0, most: webhookLimits.parallelOfEndpointMax });
  });

  it("to one slow receiver hold up the tenant's other webhooks by seconds at most", async () => {
    const scene = await openScene();
    scene.outbound.listen(hook, async () => {
      await scene.clock.sleep(timeoutMs);
      return answered(200);
    });
    await scene.endpoint();
    for (let count = 0; count < 40; count += 1) await scene.end();
    await scene.pass(3_000);
    const quick = await scene.endpoint({ endpointId: 'whe_2', url: 'https://quick.example/' });
    const askedAtMs = scene.clock.nowMs();
    await scene.end();

    await scene.pass(15_000);

    const [delivery] = await scene.logOf(quick);
    expect(delivery?.status).toBe('delivered');
    expect((delivery?.tries[0]?.atMs ?? Infinity) - askedAtMs).toBeLessThanOrEqual(
      webhookLimits.backlogKeptMs + webhookLimits.tickMs,
    );
  });

  it('to a quick receiver go out a hundred a look', async () => {
    const scene = await openScene();
    await scene.endpoint();
    for (let count = 0; count < 100; count += 1) await scene.end();

    await scene.pass(0);

    expect(scene.outbound.received).toHaveLength(100);
  });

  it('of one tenant are all delivered, backlog and all', async () => {
    const scene = await openScene();
    await scene.endpoint();
    for (let count = 0; count < 300; count += 1) await scene.end();

    await scene.pass(120_000);

    expect(scene.outbound.received).toHaveLength(300);
  });
});

describe('a process that delivers', () => {
  it('goes on while the store does not answer, and ends what is under way when it is stopped', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    scene.outbound.listen(hook, async () => {
      await scene.clock.sleep(10_000);
      return answered(200);
    });
    await scene.end();
    let looks = 0;
    const turns: typeof scene.deliveries.turns = async (...ask) => {
      looks += 1;
      if (looks === 1) throw new Error('the store does not answer');
      return scene.deliveries.turns(...ask);
    };
    const stopping = new AbortController();

    const running = deliverUntil(
      { ...scene.ports, deliveries: { ...scene.deliveries, turns } },
      stopping.signal,
    );
    await scene.clock.advance(3_000);
    stopping.abort();
    await scene.clock.advance(20_000);
    await running;

    expect(scene.log.events()).toEqual(['webhook.look_failed', 'webhook.tried']);
    expect(await scene.logOf(endpoint)).toMatchObject([{ status: 'delivered' }]);
  });
});

describe('a function that delivers what is due', () => {
  it('ends when nothing is due any more, and tries again meanwhile what failed', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    scene.outbound.listen(hook, (_request, tries) => answered(tries === 1 ? 500 : 200));
    for (let count = 0; count < 20; count += 1) await scene.end();

    let over = false;
    const running = deliverDue(scene.ports, new AbortController().signal).then(() => {
      over = true;
    });
    await scene.clock.advance(4_900);
    expect(over).toBe(false);
    const statuses = (await scene.logOf(endpoint)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 'delivered')).toHaveLength(19);
    await scene.clock.advance(5_100);

    expect(over).toBe(true);
    await running;
    expect(scene.outbound.received).toHaveLength(21);
  });

  it('stays for the first two retries of what failed, and leaves those after minutes to the next one', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    scene.outbound.listen(hook, async () => answered(500));
    await scene.end();
    const startMs = scene.clock.nowMs();
    let overMs = 0;

    const running = deliverDue(scene.ports, new AbortController().signal).then(() => {
      overMs = scene.clock.nowMs();
    });
    await scene.clock.advance(60_000);
    await running;

    expect(scene.outbound.received).toHaveLength(3);
    const [first = 0, second = 0] = retryDelaysMs;
    expect(overMs - startMs).toBeGreaterThanOrEqual(first + second);
    expect(overMs - startMs).toBeLessThan(first + second + 10_000);
    const [log] = await scene.logOf(endpoint);
    expect(log?.status).toBe('pending');
  });

  it('stops looking when its time is up, and ends what is under way', async () => {
    const scene = await openScene();
    const endpoint = await scene.endpoint();
    scene.outbound.listen(hook, async () => {
      await scene.clock.sleep(10_000);
      return answered(200);
    });
    for (let count = 0; count < 8; count += 1) await scene.end();
    const stopping = new AbortController();

    const running = deliverDue(scene.ports, stopping.signal);
    await scene.clock.advance(2_000);
    stopping.abort();
    await scene.clock.advance(10_000);
    await running;

    const statuses = (await scene.logOf(endpoint)).map(({ status }) => status).toSorted();
    expect(statuses).toEqual([...Array(4).fill('delivered'), ...Array(4).fill('pending')]);
  });
});
