/** Jobs that end in a text, over the whole path: submit, run, settle. */
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, fakeChatManifest, submission, worldPool } from '#sim/memory/flow-world.ts';
import { presentJob } from '../api/job-resource.ts';
import type { JobRecord } from '../job/job.ts';
import { jobLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { SubmitAsk } from './submission.ts';
import { submit } from './submit.ts';
import { work } from './work.ts';

const second = 1_000;

function worldOf(overrides: TenantRecord['overrides'] = {}): Promise<FlowWorld> {
  return createFlowWorld({ tenant: sampleTenant({ overrides }), manifests: [fakeChatManifest] });
}

function ask(world: FlowWorld, content: unknown, change: Partial<SubmitAsk> = {}) {
  const input = { messages: [{ role: 'user', content }], max_tokens: 4, step_ms: 100 };
  return submit(world, submission(world.tenant, { model: 'fake-chat', input, ...change }));
}

async function made(world: FlowWorld, content: unknown, change: Partial<SubmitAsk> = {}): Promise<JobRecord> {
  const outcome = await ask(world, content, change);
  if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
  const stopping = new AbortController();
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work(world, { workerId: 'worker_1', pool: worldPool, slots: 4, ...signals });
  await world.clock.advance(5 * second);
  stopping.abort();
  await world.clock.advance(30 * second);
  await done;
  const { tenantId, jobId } = outcome.job;
  const ended = await world.jobs.get(tenantId, jobId, { consistent: true });
  if (ended === null) throw new Error('the job is gone');
  return ended;
}

describe('a job of a model that answers', () => {
  it('ends with the text in its file and in its record, how it ended, and its tokens', async () => {
    const world = await worldOf();

    const job = await made(world, 'hello there');

    const [output] = job.outputs;
    const said = `${job.jobId} 0 hello there`;
    expect(output).toMatchObject({ type: 'text', text: said, finishReason: 'stop', bytes: said.length });
    const body = await world.blobs.get(job.tenantId, output?.path ?? '');
    expect(new TextDecoder().decode(body ?? new Uint8Array())).toBe(said);
    expect(job).toMatchObject({
      status: 'succeeded',
      images: 0,
      usage: { images: 0, weightedImages: 0, inputTokens: 1, outputTokens: 4 },
    });
    expect(presentJob(job, null)).toMatchObject({
      output: [{ type: 'text', text: said, finish_reason: 'stop', url: `/v1/jobs/${job.jobId}/output/0` }],
      usage: { images: 0, input_tokens: 1, output_tokens: 4 },
    });
  });

  it('is charged for its GPU time, and its tokens stand in the ledger', async () => {
    const world = await worldOf();

    const job = await made(world, 'hello');

    const { items } = await world.ledger.list(job.tenantId, '203003');
    expect(items).toMatchObject([
      { kind: 'charge', images: 0, weightedImages: 0, inputTokens: 1, outputTokens: 4, usdMicros: 400 },
    ]);
    expect(job).toMatchObject({ predictedGpuMs: 410, usage: { gpuMs: 400 }, costUsdMicros: 400 });
  });

  it('asks for no images and for the tokens that it reads and may write', async () => {
    const world = await worldOf({ images_per_minute: 1, tokens_per_minute: 100 });

    await made(world, 'one two three');
    await ask(world, 'four');

    const { counters = {} } = (await world.gates.read(world.tenant.tenantId)) ?? {};
    const used = Object.entries(counters)
      .filter(([name]) => /^(images|tokens)_per_minute@/.test(name))
      .map(([name, count]) => [name.split('@')[0], count]);
    expect(used.filter(([name]) => name === 'images_per_minute').map(([, count]) => count)).not.toContain(1);
    expect(used.filter(([name]) => name === 'tokens_per_minute').map(([, count]) => count)).toContain(7);
  });

  it('has a text that is long, or of a tenant whose files have a key of their own, in its file alone', async () => {
    const long = await made(await worldOf(), 'x'.repeat(jobLimits.inlineTextBytesMax));
    const encrypted = await made(await worldOf({ volume: 'encrypted' }), 'hello');

    for (const { status, outputs } of [long, encrypted]) {
      expect([status, outputs[0]?.finishReason]).toEqual(['succeeded', 'stop']);
      expect(outputs[0]).not.toHaveProperty('text');
    }
  });

  it('may be shown without the pictures that were sent with it', async () => {
    const world = await worldOf();
    const png =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const url = `data:image/png;base64,${png}`;

    const job = await made(world, [{ type: 'image_url', image_url: { url } }]);

    expect(JSON.stringify(job.input)).toContain(png);
    expect(JSON.stringify(presentJob(job, null))).not.toContain(png);
    expect(presentJob(job, null).input.messages).toEqual([
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,' } }] },
    ]);
  });

  it('is refused for nothing when its messages are none, or its picture is', async () => {
    const world = await worldOf();

    const none = await ask(world, [{ type: 'audio' }]);
    const foreign = await ask(world, [{ type: 'image_url', image_url: { url: 'http://10.0.0.1/' } }]);

    expect([none, foreign]).toMatchObject([
      { kind: 'invalid', details: [{ path: 'input.messages.0.content.0.type' }] },
      { kind: 'invalid', details: [{ path: 'input.messages.0.content.0.image_url.url' }] },
    ]);
    expect((await world.gates.read(world.tenant.tenantId))?.open).toEqual({});
  });

  it('is judged by the texts of all its messages', async () => {
    const tenant = sampleTenant({ overrides: { prompt_policy: 'block' } });
    const world = await createFlowWorld({
      tenant: { ...tenant, promptTerms: ['forbidden word'] },
      manifests: [fakeChatManifest],
    });
    const messages = [
      { role: 'system', content: [{ type: 'text', text: 'a forbidden word' }] },
      { role: 'user', content: 'hello' },
    ];

    expect(await ask(world, '', { input: { messages } })).toMatchObject({ kind: 'prompt_rejected' });
  });

  it('is answered out of the result cache with the same text, and no tokens again', async () => {
    const world = await worldOf({ result_cache: 'on' });
    const input = { messages: [{ role: 'user', content: 'hello' }], seed: 7 };

    const first = await made(world, '', { input });
    const hit = await ask(world, '', { input });

    expect(hit).toMatchObject({
      kind: 'accepted',
      job: {
        status: 'succeeded',
        outputs: [{ text: first.outputs[0]?.text, finishReason: 'stop' }],
        usage: { inputTokens: 0, outputTokens: 0 },
      },
    });
  });
});
