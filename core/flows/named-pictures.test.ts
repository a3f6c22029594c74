/** Pictures that inputs name, from the request to the runner. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import {
  createFlowWorld,
  fakeChatManifest,
  fakeManifest,
  submission,
  worldPool,
} from '#sim/memory/flow-world.ts';
import { answered } from '#sim/memory/memory-outbound.ts';
import { pathOfPicture } from '../batch/file.ts';
import type { OutboundAnswer } from '../egress/outbound.ts';
import { pngOf } from '../images/png-under-test.ts';
import { imageLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { announceFile, removeFile } from './files.ts';
import { storePicture } from './store-picture.ts';
import type { SubmitAsk } from './submission.ts';
import { submit } from './submit.ts';
import { work } from './work.ts';

const url = 'https://pictures.example/a.png';
const png = pngOf({ width: 64, height: 64 });
const held = `data:image/png;base64,${png.toString('base64')}`;

const drawing = {
  ...fakeManifest,
  batch_max: 16,
  input_schema: {
    ...fakeManifest.input_schema,
    properties: {
      ...fakeManifest.input_schema.properties,
      image: { type: 'string' },
      mask: { type: 'string' },
      strength: { type: 'number' },
    },
  },
};

async function worldOf(tenant = sampleTenant()) {
  const world = await createFlowWorld({ tenant, manifests: [drawing, fakeChatManifest] });
  const answer = (body: Uint8Array): OutboundAnswer => ({ ...answered(200), body }) as OutboundAnswer;
  world.outbound.listen(url, () => answer(png));
  return { ...world, answer };
}

type World = Awaited<ReturnType<typeof worldOf>>;

function asks(world: World, input: object, change: Partial<SubmitAsk> = {}) {
  return submit(world, submission(world.tenant, { input: { prompt: 'x', ...input }, ...change }));
}

async function accepted(world: World, input: object, change: Partial<SubmitAsk> = {}) {
  const outcome = await asks(world, input, change);
  if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${JSON.stringify(outcome)}`);
  return outcome.job;
}

async function upload(world: World, bytes: Uint8Array = png, tenant = world.tenant) {
  const stored = await storePicture(world, { tenant, filename: 'a.png', keptMs: null }, bytes);
  if (stored.kind !== 'stored') throw new Error(`it is ${stored.kind}`);
  return stored.file.fileId;
}

/** Lets a worker run until all jobs have ended. */
async function runAll(world: FlowWorld, ports: Partial<FlowWorld> = {}): Promise<void> {
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work({ ...world, ...ports }, { workerId: 'worker_1', pool: worldPool, slots: 16, ...signals });
  await world.clock.advance(120_000);
  stopping.abort();
  await world.clock.advance(30_000);
  await done;
}

const jobOf = (world: World, jobId: string) => world.jobs.get('tenant-a', jobId, { consistent: true });

function messagesWith(...urls: string[]) {
  const pictures = urls.map((each) => ({ type: 'image_url', image_url: { url: each } }));
  return { messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it?' }, ...pictures] }] };
}

describe('a picture that is named', () => {
  it('by the id of a file is brought to the runner in its place, and the job goes on naming it', async () => {
    const world = await worldOf();
    const fileId = await upload(world);

    const job = await accepted(world, { image: fileId });
    await runAll(world);

    expect(world.runner.inputs.get(job.jobId)).toMatchObject({ image: held });
    expect(await jobOf(world, job.jobId)).toMatchObject({ status: 'succeeded', input: { image: fileId } });
  });

  it('by an address is fetched once, kept as a file of the tenant, and drawn from as it was then', async () => {
    const world = await worldOf();

    const job = await accepted(world, { image: url });
    world.outbound.listen(url, () => answered(404));
    await runAll(world);

    expect(world.outbound.received.map((each) => each.url)).toEqual([url]);
    expect(world.runner.inputs.get(job.jobId)).toMatchObject({ image: held });
    const file = await world.files.get('tenant-a', job.pictures[0]?.fileId ?? '');
    expect(file).toMatchObject({ purpose: 'vision', bytes: png.byteLength, isStored: true });
  });

  it('in a message of a chat is brought there, several and the same one twice, with one that is held', async () => {
    const world = await worldOf();
    const fileId = await upload(world);
    const input = messagesWith(fileId, url, held, fileId);

    const outcome = await submit(world, submission(world.tenant, { model: 'fake-chat', input }));
    await runAll(world);

    if (outcome.kind !== 'accepted') throw new Error(`it is ${outcome.kind}`);
    expect(outcome.job.pictures).toHaveLength(2);
    expect(world.runner.inputs.get(outcome.job.jobId)).toMatchObject(messagesWith(held, held, held, held));
  });

  it('is asked for once by a request that is sent again, which is the same request', async () => {
    const world = await worldOf();
    const first = await accepted(world, { image: url }, { idempotencyKey: 'k' });

    const second = await asks(world, { image: url }, { idempotencyKey: 'k' });

    expect(second).toMatchObject({ kind: 'replayed', job: { jobId: first.jobId } });
    expect(world.outbound.received).toHaveLength(1);
  });

  it('has another result once its address leads to another picture', async () => {
    const tenant = sampleTenant({ overrides: { result_cache: 'on' } });
    const world = await worldOf(tenant);
    const input = { image: url, seed: 1 };
    await accepted(world, input);
    await runAll(world);
    const again = await accepted(world, input);
    world.outbound.listen(url, () => world.answer(pngOf({ width: 32, height: 32 })));

    const other = await accepted(world, input);

    expect([again.status, other.status]).toEqual(['succeeded', 'queued']);
  });
});

describe('is refused by its place, and nothing is stored or admitted:', () => {
  it.each<[string, (world: World) => Promise<object> | object, string, RegExp]>([
    [
      'a file that there is not',
      () => ({ image: `file_${'0'.repeat(26)}` }),
      'input.image',
      /no file of the purpose/,
    ],
    [
      "another tenant's file",
      async (world) => {
        const tenant = sampleTenant({ tenantId: 'tenant-b' });
        await world.tenants.create(tenant);
        return { image: await upload(world, png, tenant) };
      },
      'input.image',
      /no file of the purpose/,
    ],
    [
      'a file that was announced alone',
      async (world) => {
        const asked = { tenant: world.tenant, purpose: 'vision', filename: 'a', keptMs: null } as const;
        const offered = await announceFile(world, asked, { bytes: 1, sha256: '0'.repeat(64) });
        return { image: offered.kind === 'announced' ? offered.file.fileId : '' };
      },
      'input.image',
      /not uploaded yet/,
    ],
    [
      'a picture of other sides',
      async (world) => ({ image: await upload(world, pngOf({ width: 64, height: 32 })) }),
      'input.image',
      /64 x 32/,
    ],
    [
      'a mask of another size, both named',
      async (world) => ({ image: url, mask: await upload(world, pngOf({ width: 32, height: 32 })) }),
      'input.mask',
      /32 x 32/,
    ],
  ])('%s', async (_, inputOf, path, message) => {
    const world = await worldOf();
    const input = await inputOf(world);

    const outcome = await asks(world, input);

    expect(outcome).toEqual({
      kind: 'invalid',
      details: [{ path, message: expect.stringMatching(message) }],
    });
    expect((await world.gates.read('tenant-a'))?.open).toEqual({});
  });

  it.each<[string, OutboundAnswer, RegExp]>([
    ['missing', answered(404), /was answered with 404/],
    ['elsewhere', answered(302, { location: 'https://other.example/' }), /leads elsewhere \(302\)/],
    [
      'no picture',
      { ...answered(200), body: Buffer.from('<html>') } as OutboundAnswer,
      /no PNG, JPEG or WebP/,
    ],
    ['too large', { ...answered(200), truncated: true } as OutboundAnswer, /at most \d+ bytes/],
    [
      'forbidden by the guard',
      { kind: 'refused', rule: 'address_private', detail: 'it is private' },
      /it is private/,
    ],
    [
      'out of reach',
      { kind: 'failed', reason: 'timeout', detail: 'slow' },
      /could not be fetched \(timeout\)/,
    ],
  ])('what is behind an address and %s', async (_, answer, message) => {
    const world = await worldOf();
    world.outbound.listen(url, () => answer);

    const outcome = await asks(world, { image: url });

    expect(outcome).toEqual({
      kind: 'invalid',
      details: [{ path: 'input.image', message: expect.stringMatching(message) }],
    });
    expect((await world.files.list('tenant-a', { limit: 9, order: 'desc' })).items).toEqual([]);
  });

  it('more bytes than an input may name, however many pictures they are', async () => {
    const world = await worldOf();
    const large = pngOf({ width: 8, height: 8, chunks: [noise(imageLimits.namedBytesMax / 2)] });
    const input = messagesWith(await upload(world, large), await upload(world, large));

    const outcome = await submit(world, submission(world.tenant, { model: 'fake-chat', input }));

    expect(outcome).toMatchObject({ kind: 'invalid', details: [{ path: 'input' }] });
  });

  it('one from an address, while the tenant has no room for it', async () => {
    const world = await worldOf(sampleTenant({ overrides: { storage_gb_max: 0.000_001 } }));
    await upload(world, pngOf({ width: 8, height: 8, chunks: [noise(2_000)] }));

    const outcome = await asks(world, { image: url });

    expect(outcome).toMatchObject({ kind: 'refused', refusal: { limit: 'storage_gb_max' } });
  });

  it('one from an address, which is not asked, while another limit is used up', async () => {
    const world = await worldOf(sampleTenant({ overrides: { requests_per_minute: 1 } }));
    await accepted(world, {});

    const outcome = await asks(world, { image: url });

    expect(outcome).toMatchObject({ kind: 'refused', refusal: { limit: 'requests_per_minute' } });
    expect(world.outbound.received).toEqual([]);
    expect((await world.files.list('tenant-a', { limit: 9, order: 'desc' })).items).toEqual([]);
  });

  it('those from addresses that do not answer, asked a few at a time and together no longer than one', async () => {
    const world = await worldOf();
    const urls = Array.from(
      { length: imageLimits.perChatMax },
      (_, index) => `https://silent.example/${index}.png`,
    );
    for (const each of urls) {
      world.outbound.listen(each, async ({ timeoutMs }) => {
        await world.clock.sleep(timeoutMs);
        return { kind: 'failed', reason: 'timeout', detail: 'nobody answered' };
      });
    }

    const asked = submit(
      world,
      submission(world.tenant, { model: 'fake-chat', input: messagesWith(...urls) }),
    );
    await world.clock.advance(imageLimits.fetchMs);

    const timeOut = { message: 'could not be fetched (timeout)' };
    expect(await asked).toMatchObject({ kind: 'invalid', details: urls.map(() => timeOut) });
    expect(world.outbound.received).toHaveLength(imageLimits.fetchedAtOnceMax);
  });
});

describe('a job whose picture', () => {
  it('was deleted fails uncharged, and its batch mates do not', async () => {
    const world = await worldOf();
    const [gone, kept] = [await upload(world), await upload(world)];
    const [first, second] = [await accepted(world, { image: gone }), await accepted(world, { image: kept })];
    await removeFile(world, 'tenant-a', gone);

    await runAll(world);

    expect(first.batchKey).toBe(second.batchKey);
    expect(await jobOf(world, first.jobId)).toMatchObject({
      status: 'failed',
      error: { code: 'picture_error' },
      costUsdMicros: 0,
    });
    expect((await jobOf(world, second.jobId))?.status).toBe('succeeded');
  });

  it('is another one than it was at admission fails: nobody draws from what was not checked', async () => {
    const world = await worldOf();
    const fileId = await upload(world);
    const job = await accepted(world, { image: fileId });
    await world.blobs.put('tenant-a', pathOfPicture(fileId), pngOf({ width: 16, height: 16 }), 'image/png');

    await runAll(world);

    expect(await jobOf(world, job.jobId)).toMatchObject({
      status: 'failed',
      error: { code: 'picture_error' },
    });
  });

  it('is out of reach is tried again', async () => {
    const world = await worldOf();
    const job = await accepted(world, { image: await upload(world) });
    let tries = 0;
    const blobs = {
      ...world.blobs,
      async get(...of: Parameters<typeof world.blobs.get>) {
        tries += 1;
        if (tries === 1) throw new Error('out of reach');
        return world.blobs.get(...of);
      },
    };

    await runAll(world, { blobs });

    expect(await jobOf(world, job.jobId)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('finds no room in its call is run in the next one', async () => {
    const world = await worldOf();
    const fileId = await upload(world, pngOf({ width: 8, height: 8, chunks: [noise(3_900_000)] }));
    const jobs = [];
    for (let count = 0; count < 12; count += 1)
      jobs.push(await accepted(world, { image: fileId, seed: count }));

    await runAll(world);

    expect(world.runner.calls.map((call) => call.length)).toEqual([10, 2]);
    const ended = await Promise.all(jobs.map(({ jobId }) => jobOf(world, jobId)));
    expect(new Set(ended.map((job) => job?.status))).toEqual(new Set(['succeeded']));
  });
});

/** A chunk that decoders pass over, of bytes that do not pack. */
function noise(bytes: number): Buffer {
  const data = Buffer.alloc(bytes, 'noise');
  const chunk = Buffer.alloc(12 + bytes);
  chunk.writeUInt32BE(bytes);
  chunk.write('zzZz', 4, 'latin1');
  data.copy(chunk, 8);
  return chunk;
}
