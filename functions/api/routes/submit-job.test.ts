import { describe, expect, it } from 'vitest';
import type { JobRecord } from '#core/job/job.ts';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from '../api-deps.ts';
import { createApiScene } from '../api-scene.ts';

const body = { model: 'fake-image', input: { prompt: 'a lighthouse' } };

function limited(overrides: TenantRecord['overrides']): TenantRecord {
  return sampleTenant({ overrides });
}

describe('202', () => {
  it('accepts a job, says where it is and what it waits for', async () => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { body: { ...body, metadata: { order: '17' } } });

    expect(got.status).toBe(202);
    expect(got.json).toMatchObject({
      object: 'job',
      status: 'queued',
      metadata: { order: '17' },
      wait: { reason: 'starting_worker', position: 0, phase: { name: 'starting' } },
      cost: null,
    });
    expect(got.headers.location).toBe(`/v1/jobs/${got.json.id}`);
    expect(got.headers['x-pilotlight-job-id']).toBe(got.json.id);
    expect(got.headers).not.toHaveProperty('x-pilotlight-cost-usd');
    expect(got.headers).not.toHaveProperty('idempotency-replayed');
    expect(await scene.jobOf(got.json.id)).toMatchObject({
      keyId: 'key00001',
      status: 'queued',
      toldStart: { kind: 'cold', waitMs: 60_000, p50Ms: 60_000 },
    });
    expect(scene.woken).toEqual(['fake']);
  });

  it.each([
    [{}, {}, 'interactive'],
    [{ class_default: 'batch' }, {}, 'batch'],
    [{ class_default: 'batch' }, { class: 'interactive' }, 'interactive'],
  ] as const)('under the limits %j takes a request with %j as %s', async (overrides, asked, jobClass) => {
    const scene = await createApiScene({ tenant: limited(overrides) });

    const got = await scene.send('submitJob', '/v1/jobs', { body: { ...body, ...asked } });

    expect([got.status, got.json.class]).toEqual([202, jobClass]);
  });

  it('tells each job of a burst of those before it', async () => {
    const scene = await createApiScene();

    const got = [];
    for (let job = 0; job < 3; job += 1) got.push(await scene.send('submitJob', '/v1/jobs', { body }));

    expect(got.map(({ json }) => json.wait.position)).toEqual([0, 1, 2]);
  });

  it('is accepted without an estimate when the pool cannot be looked at for one', async () => {
    const world = await createApiScene();
    const workers = { ...world.workers, list: async () => Promise.reject(new Error('out of reach')) };
    const scene = await createApiScene({ change: { workers } });

    const got = await scene.send('submitJob', '/v1/jobs', {
      body: { ...body },
      headers: { prefer: 'wait=0' },
    });

    expect(got.status).toBe(202);
    expect(got.json).toMatchObject({ status: 'queued', wait: null });
    expect(await scene.jobOf(got.json.id)).toMatchObject({ toldStart: null });
  });

  it('tells what is left of the requests a minute', async () => {
    const scene = await createApiScene({ tenant: limited({ requests_per_minute: 3 }) });

    await scene.submit();
    const got = await scene.send('submitJob', '/v1/jobs', { body });

    expect(got.headers).toMatchObject({
      'x-ratelimit-limit-requests': '3',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '20s',
    });
  });

  it('tells every limit of requests, images and tokens in the form of the IETF draft too', async () => {
    const overrides = {
      requests_per_second: 2,
      requests_burst: 6,
      requests_per_minute: 3,
      images_per_minute: 9,
      tokens_per_minute: 40,
    };
    const scene = await createApiScene({ tenant: limited(overrides) });

    const got = await scene.send('submitJob', '/v1/jobs', {
      body: { ...body, input: { prompt: 'a red ring', n: 3, size: 256 } },
    });

    expect(got.headers['ratelimit-policy']).toBe(
      '"requests_per_second";q=6;w=3, "requests_per_minute";q=3;w=60, "images_per_minute";q=9;w=60, "tokens_per_minute";q=40;w=60',
    );
    expect(got.headers.ratelimit).toBe(
      '"requests_per_second";r=5;t=2, "requests_per_minute";r=2;t=20, "images_per_minute";r=8;t=20, "tokens_per_minute";r=37;t=20',
    );
    expect(got.headers).toMatchObject({
      'x-ratelimit-limit-images': '9',
      'x-ratelimit-remaining-images': '8',
      'x-ratelimit-reset-images': '20s',
      'x-ratelimit-limit-tokens': '40',
      'x-ratelimit-remaining-tokens': '37',
      'x-ratelimit-reset-tokens': '20s',
    });
  });

  it('counts images by their resolution, as their price does: three of 256 x 256 are one', async () => {
    const scene = await createApiScene({ tenant: limited({ images_per_minute: 9 }) });

    const small = await scene.send('submitJob', '/v1/jobs', {
      body: { ...body, input: { prompt: 'a', n: 3, size: 256 } },
    });
    const large = await scene.send('submitJob', '/v1/jobs', {
      body: { ...body, input: { prompt: 'a', n: 3, size: 512 } },
    });

    expect(small.headers['x-ratelimit-remaining-images']).toBe('8');
    expect(large.headers['x-ratelimit-remaining-images']).toBe('5');
  });

  it('goes on past the soft budget, with a warning, and is silent below it', async () => {
    const scene = await createApiScene({ tenant: limited({ budget_soft_usd_micros_per_month: 300 }) });

    const first = await scene.send('submitJob', '/v1/jobs', { body });
    const second = await scene.send('submitJob', '/v1/jobs', { body });

    expect(first.headers).not.toHaveProperty('x-pilotlight-budget-warning');
    expect(second.status).toBe(202);
    expect(second.headers['x-pilotlight-budget-warning']).toBe(
      '0.00042 of the soft limit of 0.0003 USD are spent or reserved',
    );
  });

  it('says nothing about a rate that the plan does not limit', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ plan: 'vip' }) });

    const got = await scene.send('submitJob', '/v1/jobs', { body });

    expect(got.headers).not.toHaveProperty('x-ratelimit-limit-requests');
  });

  it('answers with the unfinished job when the wait is over', async () => {
    const scene = await createApiScene();

    const answer = scene.send('submitJob', '/v1/jobs?wait=2', { body });
    await scene.clock.advance(2_000);

    expect((await answer).status).toBe(202);
    expect((await answer).headers).not.toHaveProperty('preference-applied');
  });

  it('ends a wait before the time of the function does', async () => {
    const scene = await createApiScene();

    const answer = scene.send('submitJob', '/v1/jobs?wait=60', { body, remainingMs: 11_000 });
    await scene.clock.advance(10_000);

    expect((await answer).status).toBe(202);
  });

  it('ends a wait before the time of the function does, whatever the submission took of it', async () => {
    const scene = await createApiScene();
    const admit: ApiDeps['gates']['admit'] = async (...ask) => {
      await scene.clock.sleep(3_000);
      return scene.gates.admit(...ask);
    };
    const slow = await createApiScene({ change: { ...scene, gates: { ...scene.gates, admit } } });
    const key = scene.key;

    const answer = slow.send('submitJob', '/v1/jobs?wait=60', { body, key, remainingMs: 11_000 });
    await scene.clock.advance(10_000);

    expect((await answer).status).toBe(202);
  });

  it('lets the query win over the Prefer header', async () => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs?wait=0', { body, headers: { Prefer: 'wait=30' } });

    expect(got.status).toBe(202);
    expect(got.headers).not.toHaveProperty('preference-applied');
  });

  it('answers a repeated request with the first job', async () => {
    const scene = await createApiScene();
    const headers = { 'Idempotency-Key': 'order-17' };

    const first = await scene.send('submitJob', '/v1/jobs', { body, headers });
    const second = await scene.send('submitJob', '/v1/jobs', { body, headers });

    expect(second.status).toBe(202);
    expect(second.json).toEqual(first.json);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(await scene.jobs.count('fake')).toEqual({ waiting: 1, leased: 0 });
  });

  it('takes the same key of two tenants for two jobs', async () => {
    const scene = await createApiScene();
    const key = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const headers = { 'Idempotency-Key': 'order-17' };

    const first = await scene.send('submitJob', '/v1/jobs', { body, headers });
    const second = await scene.send('submitJob', '/v1/jobs', { body, headers, key });

    expect(second.json.id).not.toBe(first.json.id);
  });

  it('takes the Key and Token schemes too, and a body in base64', async () => {
    const scene = await createApiScene();

    for (const scheme of ['Key', 'token', 'BEARER']) {
      const got = await scene.send('submitJob', '/v1/jobs', {
        rawBody: Buffer.from(JSON.stringify(body)).toString('base64'),
        isBase64Encoded: true,
        key: null,
        headers: {
          authorization: `${scheme} ${scene.key}`,
          'content-type': 'application/json; charset=UTF-8',
        },
      });

      expect(got.status).toBe(202);
    }
  });
});

describe('200', () => {
  it('answers with the result when the job ends within the wait', async () => {
    const scene = await createApiScene();

    const answer = scene.send('submitJob', '/v1/jobs', {
      body,
      headers: { Prefer: 'respond-async, wait=10', 'Idempotency-Key': 'order-17' },
    });
    await scene.clock.advance(1_000);
    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    await scene.finish(String(job?.jobId));
    await scene.clock.advance(1_000);

    const got = await answer;
    expect(got.status).toBe(200);
    expect(got.json).toMatchObject({ status: 'succeeded', cost: { usd_micros: 1_250 } });
    expect(got.headers).toMatchObject({
      'preference-applied': 'wait',
      'x-pilotlight-cost-usd': '0.00125',
      location: `/v1/jobs/${job?.jobId}`,
    });
  });

  it('answers a repeated request with the result of the first', async () => {
    const scene = await createApiScene();
    const headers = { 'Idempotency-Key': 'order-17' };
    const first = await scene.send('submitJob', '/v1/jobs', { body, headers });
    await scene.finish(first.json.id);

    const got = await scene.send('submitJob', '/v1/jobs', { body, headers });

    expect(got.status).toBe(200);
    expect(got.headers['idempotency-replayed']).toBe('true');
    expect(got.json.output).toMatchObject([{ url: `/v1/jobs/${first.json.id}/output/0` }]);
  });
});

describe('400', () => {
  const faults: [string, unknown, { path: string; message: string; code?: string }][] = [
    ['a missing model', { input: {} }, { path: 'model', message: 'is required' }],
    ['an unknown field', { ...body, modle: 'x' }, { path: 'modle', message: 'is not a known field' }],
    [
      'an unknown input field',
      { ...body, input: { prompt: 'a', stepz: 1 } },
      { path: 'input.stepz', message: 'is not a known field' },
    ],
    [
      'a wrong type',
      { ...body, input: { prompt: 7 } },
      { path: 'input.prompt', message: 'must be a string' },
    ],
    [
      'a wrong choice',
      { ...body, class: 'slow' },
      { path: 'class', message: 'must be one of interactive, batch' },
    ],
    [
      'an address that no message may go to',
      { ...body, webhook: { url: 'https://192.168.1.1/' } },
      {
        path: 'webhook.url',
        message: 'the address is in a private network: 192.168.1.1, private use (RFC 1918)',
        code: 'address_private',
      },
    ],
    [
      'an event that there is not',
      { ...body, webhook: { url: 'https://hooks.example/', events: ['job.done'] } },
      {
        path: 'webhook.events.0',
        message:
          'must be one of job.queued, job.running, job.succeeded, job.failed, job.canceled, job.expired',
      },
    ],
    [
      'a quality that there is nowhere',
      { ...body, quality: 'best' },
      { path: 'quality', message: 'must be one of fast, high' },
    ],
    [
      'a quality that the model does not have',
      { ...body, quality: 'high' },
      { path: 'quality', message: 'fake-image has no qualities' },
    ],
    ['a body that is no object', [], { path: '', message: 'must be an object' }],
    ['no body', undefined, { path: '', message: 'is required' }],
  ];

  it.each(faults)('names the path of %s', async (_title, sent, detail) => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', sent === undefined ? {} : { body: sent });

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({ code: 'invalid_request', details: [detail], param: detail.path });
  });

  it('names every fault at once, of query and body alike', async () => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs?wait=61&wiat=1', { body: { model: 1, input: {} } });

    expect(got.json.error.details.map(({ path }: { path: string }) => path).toSorted()).toEqual([
      'model',
      'wait',
      'wiat',
    ]);
  });

  it.each(['1e1', '0x1', '', '-1', '1.5'])('takes %j for no number of seconds', async (wait) => {
    const scene = await createApiScene();

    expect((await scene.send('submitJob', `/v1/jobs?wait=${wait}`, { body })).status).toBe(400);
  });

  it('refuses a query name given twice, and one that objects inherit by', async () => {
    const scene = await createApiScene();

    expect((await scene.send('submitJob', '/v1/jobs?wait=1&wait=2', { body })).status).toBe(400);
    expect((await scene.send('submitJob', '/v1/jobs?__proto__=1', { body })).status).toBe(400);
  });

  it.each([
    '{"model":"fake-image","input":{"prompt":"a"},"__proto__":{"class":"batch"}}',
    '{"model":"fake-image","input":{"prompt":"a"},"metadata":{"__proto__":"x"}}',
    '{"model":"fake-image","input":{"prompt":"a","\\u005f_proto__":{}}}',
  ])('refuses a key that objects inherit by: %s', async (rawBody) => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { rawBody });

    expect(got.json.error).toMatchObject({
      code: 'invalid_request',
      details: [{ message: 'is not a known field' }],
    });
  });

  it('refuses nesting that would overflow the stack', async () => {
    const scene = await createApiScene();
    const rawBody = `{"model":"fake-image","input":{"prompt":${'['.repeat(60_000)}${']'.repeat(60_000)}}}`;

    const got = await scene.send('submitJob', '/v1/jobs', { rawBody });

    expect(got.json.error.details).toEqual([
      { path: '', message: 'must not be nested deeper than 16 levels' },
    ]);
  });

  it.each(['{', 'nul', '{"a":1}{', '\ufeff{}'])('says that %j is not JSON', async (rawBody) => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { rawBody });

    expect(got.json.error).toMatchObject({ code: 'invalid_json', retryable: false });
  });

  it('says that bytes which are not UTF-8 are not JSON', async () => {
    const scene = await createApiScene();
    const rawBody = Buffer.from([0x22, 0xff, 0xfe, 0x22]).toString('base64');

    const got = await scene.send('submitJob', '/v1/jobs', { rawBody, isBase64Encoded: true });

    expect(got.json.error.code).toBe('invalid_json');
  });

  it('refuses what the plan does not allow in one request', async () => {
    const scene = await createApiScene({ tenant: limited({ steps_max: 4 }) });

    const got = await scene.send('submitJob', '/v1/jobs', {
      body: { ...body, input: { prompt: 'a', steps: 5 } },
    });

    expect(got.json.error.details).toEqual([
      { path: 'input.steps', message: 'the plan allows 4 at most, this asks for 5' },
    ]);
  });

  it.each([
    [{ images_per_minute: 3 }, 'input.n', 'the limit images_per_minute is 3, this alone asks for 4'],
    [{ tokens_per_minute: 2 }, 'input.prompt', 'the limit tokens_per_minute is 2, this alone asks for 3'],
    [{ gpu_seconds_per_month: 1 }, 'input', 'the limit gpu_seconds_per_month is 1, this alone asks for 2'],
  ])('refuses what fits no window of %j without a time to come back at', async (overrides, path, message) => {
    const scene = await createApiScene({ tenant: limited(overrides) });

    const got = await scene.send('submitJob', '/v1/jobs', {
      body: { ...body, input: { prompt: 'a red ring', n: 4, steps: 4 } },
    });

    expect(got.status).toBe(400);
    expect(got.json.error.details).toEqual([{ path, message }]);
    expect(got.headers).not.toHaveProperty('retry-after');
    expect((await scene.gates.read('tenant-a'))?.counters).toEqual({});
  });

  it.each(['', 'x'.repeat(256)])('refuses an Idempotency-Key of a wrong length', async (value) => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { body, headers: { 'Idempotency-Key': value } });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'idempotency-key' });
  });
});

describe('402', () => {
  it('says that the budget of the month leaves no room, and when that ends', async () => {
    const scene = await createApiScene({ tenant: limited({ budget_usd_micros_per_month: 1 }) });

    const got = await scene.send('submitJob', '/v1/jobs', { body });

    expect(got.status).toBe(402);
    expect(got.json.error).toMatchObject({ code: 'budget_exhausted', retryable: false });
    expect(got.json.error.message).toContain('0 of 0.000001 USD');
    expect(got.json.error.message).toContain('2030-04-01T00:00:00.000Z');
    expect(got.headers).not.toHaveProperty('retry-after');
  });
});

describe('404', () => {
  it('says that there is no such model', async () => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { body: { ...body, model: 'constructor' } });

    expect(got.json.error).toMatchObject({ code: 'model_not_found', param: 'model' });
  });
});

describe('409', () => {
  const headers = { 'Idempotency-Key': 'order-17' };

  /** A scene in which a first request with the key died between its admission and its job. */
  async function torn() {
    const scene = await createApiScene();
    const create = { ...scene.jobs, create: async () => Promise.reject(new Error('connection lost')) };
    const broken = await createApiScene({ change: { ...scene, jobs: create } });
    const crashed = await broken.send('submitJob', '/v1/jobs', { body, headers, key: scene.key });
    expect(crashed.status).toBe(500);
    return scene;
  }

  it('is not the answer to a retry soon after: it finishes what the first request left', async () => {
    const scene = await torn();

    const got = await scene.send('submitJob', '/v1/jobs', { body, headers });

    expect(got.status).toBe(202);
    expect(got.headers['idempotency-replayed']).toBe('true');
  });

  it('says that the first request of a key is still being accepted, when its reservation goes as we look', async () => {
    const scene = await createApiScene();
    const gates = { ...scene.gates, admit: async () => ({ kind: 'duplicate' as const }) };
    const racing = await createApiScene({ change: { ...scene, gates } });

    const got = await racing.send('submitJob', '/v1/jobs', { body, headers, key: scene.key });

    expect(got.json.error).toMatchObject({ code: 'idempotency_in_flight', retryable: true });
    expect(got.headers['retry-after']).toBe('1');
  });
});

describe('409, of a key whose job is gone', () => {
  it('says that the job is past its retention, and names the header', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ overrides: { retention_days: 1 } }) });
    const headers = { 'Idempotency-Key': 'order-18' };
    const id = (await scene.send('submitJob', '/v1/jobs', { body, headers })).json.id;
    await scene.send('cancelJob', `/v1/jobs/${id}/cancel`);
    await scene.clock.advance(86_400_000);

    const got = await scene.send('submitJob', '/v1/jobs', { body, headers });

    expect(got.status).toBe(409);
    expect(got.json.error).toMatchObject({ code: 'conflict', param: 'idempotency-key' });
    expect(got.json.error.message).toContain('past its retention');
  });
});

describe('413', () => {
  it('refuses a body above 128 KiB of bytes, not of characters', async () => {
    const scene = await createApiScene();
    const rawBody = JSON.stringify({ ...body, metadata: { a: '灯'.repeat(44_000) } });

    const got = await scene.send('submitJob', '/v1/jobs', { rawBody });

    expect(rawBody.length).toBeLessThan(128 * 1024);
    expect(got.json.error.code).toBe('payload_too_large');
  });

  it('counts the bytes behind base64, and lets exactly 128 KiB through', async () => {
    const scene = await createApiScene();
    const padded = (bytes: number) => Buffer.from(JSON.stringify(body).padEnd(bytes)).toString('base64');

    const whole = await scene.send('submitJob', '/v1/jobs', {
      rawBody: padded(128 * 1024),
      isBase64Encoded: true,
    });
    const over = await scene.send('submitJob', '/v1/jobs', {
      rawBody: padded(128 * 1024 + 1),
      isBase64Encoded: true,
    });

    expect([whole.status, over.status]).toEqual([202, 413]);
  });
});

describe('415', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'application/jsonp',
  ])('refuses a body that comes as %s', async (type) => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { body, headers: { 'Content-Type': type } });

    expect(got.json.error.code).toBe('unsupported_media_type');
  });
});

describe('422', () => {
  it('refuses a key that came with another body', async () => {
    const scene = await createApiScene();
    const headers = { 'Idempotency-Key': 'order-17' };
    await scene.send('submitJob', '/v1/jobs', { body, headers });

    const got = await scene.send('submitJob', '/v1/jobs', { body: { ...body, class: 'batch' }, headers });

    expect(got.json.error).toMatchObject({ code: 'idempotency_mismatch', param: 'idempotency-key' });
  });

  it('takes another webhook for another body, and the same one for the same', async () => {
    const scene = await createApiScene();
    const headers = { 'Idempotency-Key': 'order-17' };
    const told = (url: string) => ({ ...body, webhook: { url } });
    const send = (sent: object) => scene.send('submitJob', '/v1/jobs', { body: sent, headers });
    await send(told('https://hooks.example/a'));

    expect((await send(told('https://hooks.example/a'))).headers['idempotency-replayed']).toBe('true');
    expect((await send(told('https://hooks.example/b'))).status).toBe(422);
    expect((await send(body)).status).toBe(422);
  });
});

describe('429', () => {
  const today = Math.floor(sampleNowMs / 86_400_000);
  const limits: [keyof TenantRecord['overrides'], string, string, string][] = [
    ['requests_per_minute', 'rate_limit_exceeded', 'rate_limit_error', '20'],
    ['requests_per_second', 'rate_limit_exceeded', 'rate_limit_error', '1'],
    ['images_per_minute', 'rate_limit_exceeded', 'rate_limit_error', '20'],
    ['requests_per_day', 'quota_exceeded', 'insufficient_quota', '22400'],
    ['open_jobs_max', 'concurrency_limit', 'rate_limit_error', '1'],
  ];

  it.each(limits)(
    'names %s, how much of it is used, and when it clears',
    async (limit, code, type, seconds) => {
      const scene = await createApiScene({ tenant: limited({ [limit]: 1 }) });
      await scene.submit();

      const got = await scene.send('submitJob', '/v1/jobs', { body });

      expect(got.status).toBe(429);
      expect(got.json.error).toMatchObject({ code, type, retryable: true, retry_after_s: Number(seconds) });
      expect(got.json.error.message).toContain(`The limit ${limit}`);
      expect(got.json.error.message).toContain('1 of 1');
      expect(got.headers['retry-after']).toBe(seconds);
    },
  );

  it('names tokens_per_minute, how many are used, and when it clears', async () => {
    const scene = await createApiScene({ tenant: limited({ tokens_per_minute: 3 }) });
    await scene.submit({ prompt: 'a lighthouse' });

    const got = await scene.send('submitJob', '/v1/jobs', { body });

    expect(got.status).toBe(429);
    expect(got.json.error).toMatchObject({ code: 'rate_limit_exceeded', retryable: true, retry_after_s: 20 });
    expect(got.json.error.message).toContain(
      'The limit tokens_per_minute leaves no room for this job: 2 of 3 are used',
    );
    expect(got.headers).toMatchObject({
      'retry-after': '20',
      'x-ratelimit-limit-tokens': '3',
      'x-ratelimit-remaining-tokens': '1',
      'x-ratelimit-reset-tokens': '20s',
    });
  });

  it('tells what is left of the requests a minute', async () => {
    const scene = await createApiScene({ tenant: limited({ requests_per_minute: 1 }) });
    await scene.submit();

    const got = await scene.send('submitJob', '/v1/jobs', { body });

    expect(got.headers).toMatchObject({
      'x-ratelimit-limit-requests': '1',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '20s',
    });
  });

  it('names gpu_seconds_per_month in seconds, with what is reserved, and clears with the month', async () => {
    const scene = await createApiScene({ tenant: limited({ gpu_seconds_per_month: 1 }) });
    const input = { prompt: 'a', steps: 5 };
    await scene.send('submitJob', '/v1/jobs', { body: { ...body, input } });

    const got = await scene.send('submitJob', '/v1/jobs', { body: { ...body, input } });

    expect(got.json.error).toMatchObject({ code: 'quota_exceeded', type: 'insufficient_quota' });
    expect(got.json.error.message).toContain('gpu_seconds_per_month leaves no room for this job: 1 of 1');
    expect(got.json.error.message).toContain('2030-04-01T00:00:00.000Z');
  });

  it('names storage_gb_max once the results that are kept take so much, until enough of them have gone', async () => {
    const scene = await createApiScene({ tenant: limited({ storage_gb_max: 0.5, retention_days: 2 }) });
    const { gates } = scene;
    const first = await scene.submit();
    const token = (await gates.read('tenant-a'))?.open[first] ?? '';
    const stored = { bucket: String(today + 3), bytes: 512_000_000 };
    await gates.release('tenant-a', first, { token, corrections: [], finishTag: null, stored });

    const got = await scene.send('submitJob', '/v1/jobs', { body });
    await scene.clock.advance(Number(got.headers['retry-after']) * 1000 - 1_000);
    const early = await scene.send('submitJob', '/v1/jobs', { body });
    await scene.clock.advance(1_000);
    const later = await scene.send('submitJob', '/v1/jobs', { body });

    expect([got.status, early.status, later.status]).toEqual([429, 429, 202]);
    expect(got.json.error).toMatchObject({ code: 'quota_exceeded', type: 'insufficient_quota' });
    expect(got.json.error.message).toBe(
      'The limit storage_gb_max is reached: files of 0.512 GB are kept, of 0.5 GB. ' +
        'Enough of them go in 195200 s, at 2030-03-20T00:00:00.000Z, when their retention ends.',
    );
  });

  it('lets the request through once the time it named is over', async () => {
    const scene = await createApiScene({ tenant: limited({ requests_per_minute: 1 }) });
    await scene.submit();
    const refused = await scene.send('submitJob', '/v1/jobs', { body });

    await scene.clock.advance(Number(refused.headers['retry-after']) * 1000);

    expect((await scene.send('submitJob', '/v1/jobs', { body })).status).toBe(202);
  });
});

describe('the trace of a request', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('is that of its job and of every line about either', async () => {
    const scene = await createApiScene();

    const got = await scene.send('submitJob', '/v1/jobs', { body, headers: { traceparent } });

    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect(got.json.trace_id).toBe(traceId);
    const job = await scene.jobs.get(scene.tenant.tenantId, got.json.id);
    expect(job?.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(scene.log.lines.find(({ event }) => event === 'api.answered')?.fields).toMatchObject({ traceId });
  });

  it('stands in an error, and is no part of what makes two requests the same', async () => {
    const scene = await createApiScene();
    const headers = { 'idempotency-key': 'once' };
    await scene.send('submitJob', '/v1/jobs', { body, headers });

    const again = await scene.send('submitJob', '/v1/jobs', { body, headers: { ...headers, traceparent } });
    const refused = await scene.send('submitJob', '/v1/jobs', { body: {}, headers: { traceparent } });

    expect(again.status).toBe(202);
    expect(refused.json.error.trace_id).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  });
});

describe('500', () => {
  it('says nothing of what failed and logs it', async () => {
    const jobs = (await createApiScene()).jobs;
    const failing = {
      ...jobs,
      create: async () => Promise.reject(new Error('table pilotlight-main is gone')),
    };
    const scene = await createApiScene({ change: { jobs: failing } });

    const got = await scene.send('submitJob', '/v1/jobs', { body });

    expect(got.status).toBe(500);
    expect(got.json.error).toMatchObject({ code: 'internal', retryable: true });
    expect(got.text).not.toContain('pilotlight-main');
    const line = scene.log.lines.find(({ event }) => event === 'api.failed');
    expect(line?.fields).toMatchObject({ requestId: got.headers['x-request-id'], route: 'submitJob' });
    expect(line?.fields.reason).toContain('pilotlight-main');
  });
});

describe('503', () => {
  it('asks again after a request that was held up until the sweep released its reservation', async () => {
    const scene = await createApiScene();
    const jobs = {
      ...scene.jobs,
      async create(job: JobRecord) {
        await scene.jobs.forbid(job.tenantId, job.jobId, job.reservation);
        return scene.jobs.create(job);
      },
    };
    const held = await createApiScene({ change: { ...scene, jobs } });

    const got = await held.send('submitJob', '/v1/jobs', { body, key: scene.key });

    expect(got.status).toBe(503);
    expect(got.headers['retry-after']).toBe('1');
    expect(got.json.error).toMatchObject({ code: 'unavailable', retryable: true });
  });
});
