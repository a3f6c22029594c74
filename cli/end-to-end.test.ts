/** The command line against the real gateway, handler and worker flow; only storage and the model are in memory. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashKey } from '#aws/key-hash.ts';
import { randomIds } from '#aws/random-ids.ts';
import { systemClock } from '#aws/system-clock.ts';
import { crockfordOf } from '#core/canonical.ts';
import { publicHttps } from '#core/egress/policy.ts';
import { work } from '#core/flows/work.ts';
import { createCatalog } from '#core/models/manifest.ts';
import type { Blobs } from '#core/ports/blobs.ts';
import type { RunEvents, RunItem, Runner, RunOutcome } from '#core/ports/runner.ts';
import { sampleKey, sampleTenant } from '#core/samples.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import { createApiHandler } from '#functions/api/handler.ts';
import { startGateway } from '#local/gateway.ts';
import { listen } from '#local/listen.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createMemoryAdapterCache } from '#sim/memory/memory-adapters.ts';
import { createMemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { createMemoryWorld } from '#sim/memory/memory-world.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { captureIo } from './captured-io.ts';
import { main } from './main.ts';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

let stack: Awaited<ReturnType<typeof startStack>>;
let cwd: string;

beforeAll(async () => {
  stack = await startStack();
  cwd = await mkdtemp(join(tmpdir(), 'pilotlight-cli-'));
});
afterAll(() => stack.close());

describe('generate', () => {
  it('saves the picture and says what it cost and how to repeat it', async () => {
    const { code, stdout, stderr } = await run('generate', 'a red zebra', '-o', 'one.png', '--seed', '7');

    expect(code).toBe(0);
    expect(await readFile(join(cwd, 'one.png'))).toEqual(png);
    expect(stdout).toMatch(/^saved {3}one\.png \(1x1, image\/png, \d+ B\)$/m);
    expect(stdout).toMatch(/^seeds {3}7$/m);
    expect(stdout).toMatch(/^cost {4}\$0\.\d+$/m);
    expect(stdout).toMatch(/^time {4}waited .*, loaded .*, ran .*, uploaded /m);
    expect(stderr).toContain('warning: the model does not know "zebra"');
    expect(`${stdout}${stderr}`).not.toContain('\u001b');
  });

  it('numbers several pictures', async () => {
    const { code } = await run('generate', 'two', '--n', '2', '-o', 'pair.png');

    expect(code).toBe(0);
    expect((await readdir(cwd)).filter((name) => name.startsWith('pair'))).toEqual([
      'pair-0.png',
      'pair-1.png',
    ]);
  });

  it('names the file after the job when no name is given, and prints one JSON document', async () => {
    const { code, stdout } = await run('generate', 'x', '--json');

    const job = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(job).toMatchObject({ object: 'job', status: 'succeeded' });
    expect(await readdir(cwd)).toContain(`${job.id}.png`);
  });

  it('sends the key to the API and never to the store of results', () => {
    expect(stack.storeKeys.length).toBeGreaterThan(0);
    expect(stack.storeKeys.every((key) => key === undefined)).toBe(true);
  });

  it('writes nothing when the bytes are not those that the job made', async () => {
    stack.damageNext();

    const { code, stderr } = await run('generate', 'x', '-o', 'damaged.png');

    expect(code).toBe(4);
    expect(stderr).toContain('the bytes for damaged.png are not those that the job made');
    expect(await readdir(cwd)).not.toContain('damaged.png');
  });

  it('asks before it overwrites a file, and before anything is paid for', async () => {
    await writeFile(join(cwd, 'mine.png'), 'mine');

    const before = await jobCount();
    const refused = await run('generate', 'x', '-o', 'mine.png');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('use --force') });
    expect(await jobCount()).toBe(before);

    expect((await run('generate', 'x', '-o', 'mine.png', '--force')).code).toBe(0);
    expect(await readFile(join(cwd, 'mine.png'))).toEqual(png);
  });

  it('draws its progress where somebody watches', async () => {
    const io = { ...stack.io({ cwd }), isLive: true };

    const code = await main(['generate', 'x', '--model', 'fake-image', '-o', 'live.png'], io);

    expect(code).toBe(0);
    const drawn = io.stderr().split('\r\u001b[2K');
    expect(drawn[1]).toMatch(/^waiting: /);
    expect(drawn.at(-2)).toMatch(/^succeeded {2}\d/);
    expect(drawn.at(-1)).toBe('');
  });

  it('exits with 1 when the job fails', async () => {
    const { code, stderr } = await run('generate', 'x', '--set', 'fault=error', '-o', 'never.png');

    expect(code).toBe(1);
    expect(stderr).toMatch(/job job_\w{26} failed: .*\(model_error\)/);
    expect(await readdir(cwd)).not.toContain('never.png');
  });

  it('exits with 3 and names the field that the API refuses', async () => {
    const { code, stderr, stdout } = await run('generate', 'x', '--size', '17', '--json');

    expect(code).toBe(3);
    expect(stderr).toMatch(/input\.size/);
    expect(stderr).toMatch(/\(invalid_request, request req_\w{26}\)/);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'invalid_request' } });
  });

  it('takes a result that was made before where it is told to, and says so', async () => {
    const args = ['generate', 'a yellow square', '--seed', '11'];
    const first = JSON.parse((await run(...args, '--cache', '--json', '-o', 'new.png')).stdout);

    const hit = await run(...args, '--cache', '-o', 'kept.png');
    const anew = await run(...args, '--no-cache', '-o', 'anew.png');

    expect(hit.stdout).toMatch(new RegExp(`^cache +hit: made by ${first.id}$`, 'm'));
    expect(hit.stdout).toMatch(/^cost +\$0.00$/m);
    expect(await readFile(join(cwd, 'kept.png'))).toEqual(png);
    expect(anew.stdout).not.toMatch(/^cache /m);
    expect((await run(...args, '--cache', '--no-cache')).code).toBe(2);
  });

  it('makes one job for one idempotency key', async () => {
    const args = ['generate', 'once', '--idempotency-key', 'k1', '--no-wait'];

    const first = await run(...args);
    const second = await run(...args);

    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^job_\w{26}\n$/) });
    expect(second.stdout).toBe(first.stdout);
  });

  it('cancels the job at Ctrl-C', async () => {
    const io = stack.io({ cwd });
    const err = io.err;
    const code = await main(['generate', 'forever', '--model', 'fake-image'], {
      ...io,
      err(text) {
        err(text);
        if (text.includes('running')) io.interrupt();
      },
    });

    expect(code).toBe(130);
    const [, id = ''] = /interrupted: canceling job (\w+)/.exec(io.stderr()) ?? [];
    const watched = await run('jobs', 'watch', id);
    expect(watched).toMatchObject({ code: 1, stdout: expect.stringMatching(/^status +canceled$/m) });
  });
});

describe('jobs', () => {
  it('lists with aligned columns and where the next page starts', async () => {
    const { code, stdout, stderr } = await run('jobs', 'list', '--limit', '2');

    const [head = '', ...rows] = stdout.trimEnd().split('\n');
    expect(code).toBe(0);
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row.indexOf('fake-image')).toBe(head.indexOf('MODEL'));
    const [, cursor = ''] = /^more: --cursor (\S+)$/m.exec(stderr) ?? [];
    const next = await run('jobs', 'list', '--limit', '2', '--cursor', cursor);
    expect(next.stdout).not.toContain(rows[1]?.slice(0, 30));
  });

  it('filters by label', async () => {
    await run('generate', 'x', '--meta', 'album=spring', '--no-wait');

    const { stdout } = await run('jobs', 'list', '--meta', 'album=spring', '--json');

    expect(JSON.parse(stdout).data).toMatchObject([{ metadata: { album: 'spring' } }]);
  });

  it('shows, watches as JSON lines, saves and cancels', async () => {
    const id = (await run('generate', 'x', '--no-wait')).stdout.trim();

    const watched = await run('jobs', 'watch', id, '--json', '-o', 'watched.png');
    const lines = watched.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(watched.code).toBe(0);
    expect(lines.at(-1)).toMatchObject({ id, status: 'succeeded' });
    expect(await readFile(join(cwd, 'watched.png'))).toEqual(png);
    expect((await run('jobs', 'show', id)).stdout).toMatch(/^status +succeeded$/m);
    expect((await run('jobs', 'cancel', id)).stdout).toBe(`job ${id} had succeeded before\n`);
  });

  it('retries a job that failed, once, and no other', async () => {
    const failing = await run('generate', 'a lighthouse', '--set', 'fault=error', '--no-wait');
    const id = failing.stdout.trim();
    await run('jobs', 'watch', id);

    const { stdout } = await run('jobs', 'retry', id);

    const [, next = ''] = /^job (job_\w{26}) does /.exec(stdout) ?? [];
    expect(stdout).toBe(`job ${next} does ${id} once more; pilotlight jobs watch ${next}\n`);
    expect((await run('jobs', 'retry', id)).stdout).toBe(stdout);
    expect((await run('jobs', 'show', next)).stdout).toMatch(new RegExp(`^retry of +${id}$`, 'm'));
    const other = (await run('generate', 'a red circle', '--no-wait')).stdout.trim();
    await run('jobs', 'watch', other);
    expect(await run('jobs', 'retry', other)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('(conflict'),
    });
  });

  it('exits with 3 for a job that is not there', async () => {
    const { code, stderr } = await run('jobs', 'show', 'job_00000000000000000000000000');

    expect(code).toBe(3);
    expect(stderr).toMatch(/^pilotlight: There is no such object\.\n {2}\(not_found, request req_\w+\)\n$/);
  });
});

describe('models', () => {
  it('lists price and state, and shows what a model takes', async () => {
    expect((await run('models', 'list')).stdout).toMatch(
      /^fake-image +text-to-image +(cold|warm) +\$3\.60 per GPU hour +4$/m,
    );
    expect((await run('models', 'show', 'fake-image')).stdout).toMatch(/^size +integer +256, 512 +512$/m);
  });
});

describe('usage', () => {
  it('tells what the pictures of today cost, as a table, as CSV and as JSON', async () => {
    await run('generate', 'usage', '-o', 'usage.png');

    const people = await run('usage', '--by', 'model');
    const sheet = await run('usage', '--by', 'day,model', '--csv');
    const program = await run('usage', '--json');

    expect(people.stdout).toMatch(/^MODEL +JOBS +IMAGES +WEIGHTED +GPU +BYTE-HOURS +COST$/m);
    expect(people.stdout).toMatch(/^fake-image +\d+ +\d+ .* \$0\.\d+$/m);
    expect(people.stdout).toMatch(/^total +\d+ /m);
    expect(sheet.stdout).toMatch(
      /^day,model,jobs,.*,cost_usd_micros,shared_usd_micros,warmup_usd_micros\r\n\d{4}-\d\d-\d\d,fake-image,\d+,/,
    );
    expect(JSON.parse(program.stdout).total.jobs).toBeGreaterThan(0);
    expect([people.code, sheet.code, program.code]).toEqual([0, 0, 0]);
  });

  it('names the field of a question that the API refuses', async () => {
    const { code, stderr } = await run('usage', '--by', 'week');

    expect(code).toBe(3);
    expect(stderr).toContain('group_by: must be some of day,model,key,tag');
  });
});

async function run(...args: string[]) {
  const io = stack.io({ cwd });
  const code = await main(args.includes('generate') ? [...args, '--model', 'fake-image'] : args, io);
  return { code, stdout: io.stdout(), stderr: io.stderr() };
}

async function jobCount(): Promise<number> {
  return JSON.parse((await run('jobs', 'list', '--json')).stdout).data.length;
}

async function startStack() {
  const world = createMemoryWorld({ clock: systemClock, ids: randomIds });
  const store = createStore(world.blobs);
  const ports = {
    ...world,
    blobs: store.blobs,
    catalog: createCatalog([fakeManifest]),
    costs: { pricing: 'list' as const, usdMicrosPerHour: () => 0 },
    log: createRecordingLog(),
    outbound: createMemoryOutbound(world),
    metrics: createRecordingMetrics(),
    adapterCache: createMemoryAdapterCache(world.adapterFiles),
    runner: createPngRunner(),
    scaler: { wake: async () => undefined },
  };
  const key = await createKey(world);
  const handler = createApiHandler({
    ...ports,
    keyPepper: 'pepper',
    webhookKey: 'a webhook key',
    webhookAddresses: publicHttps,
    version: '0.0.0',
  });
  const gateway = await startGateway({ ...ports, handler, port: 0 });
  const storeServer = createServer((request, response) => void store.answer(request, response));
  store.open(await listen(storeServer, 0));

  const stopping = new AbortController();
  const working = work(ports, {
    workerId: 'worker_1',
    pool: fakeManifest.pool,
    slots: 1,
    stopping: stopping.signal,
    interrupt: stopping.signal,
  });
  return {
    storeKeys: store.keys,
    damageNext: store.damageNext,
    io: (overrides: { cwd: string }) =>
      captureIo({ env: { PILOTLIGHT_URL: gateway.url, PILOTLIGHT_API_KEY: key }, ...overrides }),
    async close() {
      stopping.abort();
      await working;
      await gateway.close();
      storeServer.close();
      storeServer.closeAllConnections();
    },
  };
}

async function createKey({ tenants, keys }: Pick<ReturnType<typeof createMemoryWorld>, 'tenants' | 'keys'>) {
  const keyId = crockfordOf(randomBytes(8), 8);
  const key = formatKey(keyId, randomBytes(32));
  await tenants.create(sampleTenant({ plan: 'vip', overrides: { result_cache: 'on_request' } }));
  const scopes = ['jobs:read', 'jobs:write', 'usage:read'] as const;
  await keys.create(sampleKey({ keyId, hash: hashKey(key, 'pepper'), scopes: [...scopes] }));
  return key;
}

/** Hands blobs out over HTTP, as S3 does, and remembers which Authorization headers it was shown. */
function createStore(blobs: Blobs) {
  const keys: (string | undefined)[] = [];
  let origin = '';
  let isDamaged = false;
  return {
    keys,
    damageNext() {
      isDamaged = true;
    },
    open(url: string) {
      origin = url;
    },
    blobs: {
      ...blobs,
      link: async (tenantId: string, path: string) => `${origin}/store/${tenantId}/${path}`,
    },
    async answer(request: IncomingMessage, response: ServerResponse) {
      const [, tenantId = '', path = ''] = /^\/store\/([^/]+)\/(.+)$/.exec(request.url ?? '') ?? [];
      keys.push(request.headers.authorization);
      response.end(isDamaged ? 'other bytes' : await blobs.get(tenantId, path));
      isDamaged = false;
    },
  };
}

/** Draws one dot per picture; the prompt `forever` runs until it is canceled, `fault` fails. */
function createPngRunner(): Runner {
  const cancels = new Map<string, AbortController>();
  const runItem = async (item: RunItem, events: RunEvents): Promise<RunOutcome> => {
    const cancel = new AbortController();
    cancels.set(item.id, cancel);
    events.onProgress(item.id, 1, 2);
    if (item.params.prompt === 'forever') {
      // Cancellations come back with progress, so there has to be some.
      const steps = setInterval(() => events.onProgress(item.id, 1, 2), 50);
      await once(cancel.signal, 'abort');
      clearInterval(steps);
      return { kind: 'canceled', gpuMs: 1 };
    }
    if (item.params.fault !== undefined) {
      return { kind: 'failed', code: 'model_error', message: 'It broke.', retryable: false, gpuMs: 1 };
    }
    return drawn(item);
  };
  return {
    load: async () => ({ kind: 'loaded', loadMs: 0 }),
    async run({ items }, events) {
      const outcomes = items.map(async (item) => [item.id, await runItem(item, events)] as const);
      return new Map(await Promise.all(outcomes));
    },
    cancel: (id) => cancels.get(id)?.abort(),
    resident: () => new Set(),
  };
}

function drawn({ params }: RunItem): RunOutcome {
  const file = {
    type: 'image' as const,
    contentType: 'image/png',
    body: png,
    sha256: createHash('sha256').update(png).digest('hex'),
    width: 1,
    height: 1,
  };
  const seed = Number(params.seed ?? 0);
  const seeds = Array.from({ length: Number(params.n) }, (_, index) => seed + index);
  return {
    kind: 'succeeded',
    files: seeds.map(() => file),
    gpuMs: 5,
    seeds,
    unknownWords: String(params.prompt).includes('zebra') ? ['zebra'] : [],
    engine: 'test',
    versions: {},
  };
}
