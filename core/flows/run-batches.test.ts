import { describe, expect, it } from 'vitest';
import { createBatchWorld, lineOf } from '#sim/memory/batch-world.ts';
import { submission } from '#sim/memory/flow-world.ts';
import { createMemoryOutbound } from '#sim/memory/memory-outbound.ts';
import { monthOf } from '../admission/windows.ts';
import { presentBatch } from '../api/batch-resource.ts';
import { allPages } from '../contract/scene.ts';
import { batchRunLimits } from '../limits.ts';
import { traceIdOf } from '../observability/trace.ts';
import { sampleEndpoint, sampleTenant } from '../samples.ts';
import { announceBatch } from './announce.ts';
import { createBatchDesk } from './batch-desk.ts';
import { cancelBatch } from './batches.ts';
import { createDeliverer } from './deliver.ts';
import { submit } from './submit.ts';

const ids = (count: number) => Array.from({ length: count }, (_, index) => `line-${index + 1}`);
const customIds = (results: readonly { readonly custom_id: string | null }[]) =>
  results.map(({ custom_id }) => custom_id).toSorted();

describe('a batch', () => {
  it('makes a job of every line and leaves one answer for each', async () => {
    const world = await createBatchWorld();
    const names = ids(9);
    const batch = await world.addBatch(names.map((id) => lineOf(id)));

    const ended = await world.finish(batch);

    const outputs = await world.outputs(ended);
    expect(ended).toMatchObject({ status: 'completed', total: 9, errorFileId: null });
    expect(ended.outputs.lines).toBe(9);
    expect(customIds(outputs)).toEqual(names.toSorted());
    for (const { custom_id, response, error } of outputs) {
      expect(response?.status_code).toBe(200);
      expect(response?.body.input.prompt).toBe(`picture of ${custom_id}`);
      expect(response?.request_id).toBe(response?.body.id);
      expect(error).toBeNull();
    }
  });

  it('tells what it is expected to cost before anything runs, and runs in the class batch', async () => {
    const world = await createBatchWorld();
    const batch = await world.addBatch([lineOf('a'), lineOf('b')]);

    await world.round();

    const read = await world.read(batch);
    const line = await world.jobs.line('fake', 'batch', 10);
    expect(read.estimate?.usdMicros).toBe(2 * (await jobOf(world, line[0])).reservedUsdMicros);
    expect(read.status).toBe('in_progress');
    expect(line).toHaveLength(2);
  });

  it('has all of its jobs in the trace of its request, each under a span of its own', async () => {
    const world = await createBatchWorld();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const batch = await world.addBatch([lineOf('a'), lineOf('b'), lineOf('c')], { traceparent });
    const untraced = await world.addBatch([lineOf('d'), lineOf('e')]);

    await world.round();

    const jobs = await Promise.all(
      (await world.jobs.line('fake', 'batch', 10)).map((each) => jobOf(world, each)),
    );
    const spans = jobs.map((job) => job.traceparent);
    const traces = Map.groupBy(spans, traceIdOf);
    expect(new Set(spans).size).toBe(5);
    expect(traces.get('4bf92f3577b34da6a3ce929d0e0e4736')).toHaveLength(3);
    expect(traces.get(presentBatch(untraced).trace_id)).toHaveLength(2);
    expect(presentBatch(batch).trace_id).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(spans).not.toContain(traceparent);
  });

  it('stops where adapters alone take what the tenant may keep, and says so of its lines', async () => {
    const tenant = sampleTenant({ overrides: { storage_gb_max: 0.000_01 } });
    const world = await createBatchWorld({ tenant });
    const batch = await world.addBatch(ids(3).map((id) => lineOf(id)));
    await world.gates.keep(tenant.tenantId, { bytes: 10_000, version: 1 });

    const ended = await world.finish(batch);

    expect(ended).toMatchObject({ status: 'completed', stop: { code: 'quota_exceeded' } });
    expect(await world.errors(ended)).toHaveLength(3);
  });

  it('reports each bad line with its number and runs the rest', async () => {
    const world = await createBatchWorld();
    const file = [
      `\ufeff${lineOf('good-1')}\r`,
      'no json',
      lineOf('good-1'),
      '',
      lineOf('url', {}, { url: '/v1/other' }),
      lineOf('method', {}, { method: 'GET' }),
      lineOf('field', {}, { extra: 1 }),
      lineOf('input', { steps: 'many' }),
      lineOf('model', {}, { body: { model: 'nobody', input: { prompt: 'x' } } }),
      lineOf('class', {}, { body: { model: 'fake-image', input: { prompt: 'x' }, class: 'interactive' } }),
      `{"custom_id":"nul\u0000"}`,
      JSON.stringify({ custom_id: 'long', x: 'x'.repeat(1_100_000) }),
      lineOf('half').replace('picture', '\\ud800'),
      lineOf('failing', { fault: 'error' }),
      lineOf('good-2'),
    ];
    const batch = await world.addBatch(file);

    const ended = await world.finish(batch);

    const errors = (await world.errors(ended)).map(({ error }) => error);
    const told = errors.map((error) => [error?.line, error?.code, error?.param]);
    expect(customIds(await world.outputs(ended))).toEqual(['good-1', 'good-2']);
    expect(told.toSorted((left, right) => Number(left[0]) - Number(right[0]))).toEqual([
      [2, 'not_json', null],
      [3, 'custom_id_duplicate', null],
      [5, 'invalid_url', 'url'],
      [6, 'invalid_line', 'method'],
      [7, 'invalid_line', 'extra'],
      [8, 'invalid_request', 'body.input.steps'],
      [9, 'model_not_found', 'body.model'],
      [10, 'invalid_request', 'body.class'],
      [11, 'nul', null],
      [12, 'line_too_long', null],
      [13, 'invalid_line', 'body.input.prompt'],
      [14, 'model_error', null],
    ]);
    expect(ended).toMatchObject({ status: 'completed', total: 14 });
    expect(ended.errors.map(({ line }) => line)).toEqual([2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  });

  it.each([
    ['an empty file', '\n \n', 'empty', 3],
    ['no line that can run', 'x\ny\n', 'not_json', 1],
  ])('fails for %s, and runs nothing', async (_what, file, code, line) => {
    const world = await createBatchWorld();

    const ended = await world.finish(await world.addBatch(file));

    expect(ended).toMatchObject({ status: 'failed', outputFileId: null, errorFileId: null });
    expect(ended.errors[0]).toMatchObject({ code, line });
    expect(await world.work()).toBe(0);
  });

  it('fails for more lines than batch_lines_max, which it names, and takes as many', async () => {
    const world = await createBatchWorld({ tenant: sampleTenant({ overrides: { batch_lines_max: 2 } }) });

    const many = await world.finish(await world.addBatch(ids(3).map((id) => lineOf(id))));
    const fitting = await world.finish(await world.addBatch(ids(2).map((id) => lineOf(id))));

    expect(many.status).toBe('failed');
    expect(many.errors).toEqual([
      {
        code: 'too_many_lines',
        line: 3,
        param: null,
        message: expect.stringContaining('batch_lines_max is 2'),
      },
    ]);
    expect(fitting.status).toBe('completed');
  });

  it('fails where the file is gone', async () => {
    const world = await createBatchWorld();
    const batch = await world.addBatch([lineOf('a')]);
    await world.blobs.remove(batch.tenantId, `files/${batch.inputFileId}.jsonl`);

    const ended = await world.finish(batch);

    expect(ended.errors[0]).toMatchObject({ code: 'file_missing', param: 'input_file_id' });
  });
});

describe('what a batch takes of its tenant', () => {
  it('is half of the open jobs at most, shared by all batches, so that others find the rest', async () => {
    const tenant = sampleTenant({ overrides: { open_jobs_max: 8 } });
    const world = await createBatchWorld({ tenant });
    const lines = ids(20).map((id) => lineOf(id));
    const first = await world.addBatch(lines);
    await world.addBatch(lines);
    let most = 0;

    for (let rounds = 0; rounds < 12; rounds += 1) {
      await world.round();
      const open = Object.keys((await world.gates.read(tenant.tenantId))?.open ?? {});
      most = Math.max(most, open.length);
      const own = await submit(world, submission(tenant));
      expect(own.kind).toBe('accepted');
      await world.work();
      await world.clock.advance(batchRunLimits.collectMs);
    }

    expect(most).toBe(4);
    expect((await world.finish(first)).outputs.lines).toBe(20);
  });

  it('is half of a rate, and waits for the next window', async () => {
    const tenant = sampleTenant({ overrides: { requests_per_minute: 6 } });
    const world = await createBatchWorld({ tenant });
    const batch = await world.addBatch(ids(7).map((id) => lineOf(id)));

    await world.round();
    expect(await world.work()).toBe(3);
    expect((await submit(world, submission(tenant))).kind).toBe('accepted');
    const ended = await world.finish(batch);

    expect(ended).toMatchObject({ status: 'completed' });
    expect(ended.outputs.lines).toBe(7);
    expect((ended.endedAtMs ?? 0) - batch.createdAtMs).toBeGreaterThan(60_000);
  });

  it('is the whole of a rate for a line that needs more than half of it by itself', async () => {
    const tenant = sampleTenant({ overrides: { images_per_minute: 6 } });
    const world = await createBatchWorld({ tenant });
    const batch = await world.addBatch([lineOf('a', { n: 4 }), lineOf('b', { n: 4 })]);

    await world.round();
    expect(await world.work()).toBe(1);
    const ended = await world.finish(batch);

    expect(ended).toMatchObject({ status: 'completed', outputs: { lines: 2 } });
  });

  it('is refused before the first line where the month has no room for all of it', async () => {
    const tenant = sampleTenant({ overrides: { budget_usd_micros_per_month: 500 } });
    const world = await createBatchWorld({ tenant });

    const ended = await world.finish(await world.addBatch(ids(20).map((id) => lineOf(id))));

    expect(ended.status).toBe('failed');
    expect(ended.errors).toEqual([
      {
        code: 'budget_exhausted',
        line: null,
        param: null,
        message: expect.stringContaining('budget_usd_micros_per_month'),
      },
    ]);
    expect(ended.estimate).not.toBeNull();
    expect(await world.work()).toBe(0);
  });

  it('keeps what has ended where the budget ends in the middle, and tells the rest with its code', async () => {
    const tenant = sampleTenant({ overrides: { budget_usd_micros_per_month: 5_000, open_jobs_max: 4 } });
    const world = await createBatchWorld({ tenant });
    const batch = await world.addBatch(ids(9).map((id) => lineOf(id)));
    await world.round();
    await world.work();
    const version = tenant.version + 1;
    await world.tenants.update({
      ...tenant,
      overrides: { ...tenant.overrides, budget_usd_micros_per_month: 300 },
      version,
    });

    const ended = await world.finish(batch);

    const errors = await world.errors(ended);
    expect(ended.status).toBe('completed');
    expect(ended.outputs.lines).toBeGreaterThan(0);
    expect(errors.length).toBeGreaterThan(0);
    expect(ended.outputs.lines + errors.length).toBe(9);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['budget_exhausted']));
  });
});

describe('the end of a batch', () => {
  it('that is cancelled keeps the lines that ended, and tells every other one', async () => {
    const world = await createBatchWorld({ tenant: sampleTenant({ overrides: { open_jobs_max: 4 } }) });
    const batch = await world.addBatch(ids(9).map((id) => lineOf(id)));
    await world.round();
    await world.work();
    await world.clock.advance(batchRunLimits.collectMs);
    await world.round();

    const asked = await cancelBatch(world, batch.tenantId, batch.batchId);
    const again = await cancelBatch(world, batch.tenantId, batch.batchId);
    const ended = await world.finish(batch);

    const errors = await world.errors(ended);
    expect([asked.kind, again.kind]).toEqual(['found', 'found']);
    expect(ended.status).toBe('cancelled');
    expect(customIds([...(await world.outputs(ended)), ...errors])).toEqual(ids(9).toSorted());
    expect((await world.outputs(ended)).length).toBeGreaterThanOrEqual(2);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['canceled', 'batch_cancelled']));
    expect((await cancelBatch(world, batch.tenantId, batch.batchId)).kind).toBe('found');
  });

  it('comes at once for one that is cancelled before it was read', async () => {
    const world = await createBatchWorld();
    const batch = await world.addBatch([lineOf('a')]);

    await cancelBatch(world, batch.tenantId, batch.batchId);

    expect((await world.finish(batch)).status).toBe('cancelled');
    expect(await world.work()).toBe(0);
  });

  it('comes with its window: what ran is kept, the rest is told as expired', async () => {
    const world = await createBatchWorld({ tenant: sampleTenant({ overrides: { open_jobs_max: 4 } }) });
    const batch = await world.addBatch(ids(5).map((id) => lineOf(id)));
    await world.round();
    await world.work();
    await world.clock.advance(batchRunLimits.windowMs);

    const ended = await world.finish(batch);

    expect(ended).toMatchObject({ status: 'expired', outputs: { lines: 2 }, faults: { lines: 3 } });
    const errors = await world.errors(ended);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['batch_expired']));
  });

  it('comes without its tenant: nothing further is asked for', async () => {
    const tenant = sampleTenant({ overrides: { open_jobs_max: 4 } });
    const world = await createBatchWorld({ tenant });
    const batch = await world.addBatch(ids(5).map((id) => lineOf(id)));
    await world.round();
    await world.work();
    await world.tenants.update({ ...tenant, status: 'deleted', version: tenant.version + 1 });

    const ended = await world.finish(batch);

    expect(ended).toMatchObject({ status: 'cancelled', outputs: { lines: 2 }, faults: { lines: 3 } });
  });

  it('is not held up by a batch that cannot be worked at', async () => {
    const world = await createBatchWorld();
    const broken = await world.addBatch([lineOf('a'), lineOf('b')]);
    const batch = await world.addBatch([lineOf('a')]);
    const path = `files/${broken.inputFileId}.jsonl`;
    const blobs = {
      ...world.blobs,
      read: (tenantId: string, asked: string, from: number) =>
        asked === path ? Promise.reject(new Error('not now')) : world.blobs.read(tenantId, asked, from),
    };

    const ended = await world.finish(batch, { ...world, blobs });

    expect(ended.status).toBe('completed');
    expect(world.log.lines.map(({ event }) => event)).toContain('batch.step_failed');
    expect((await world.finish(broken)).status).toBe('completed');
  });
});

describe('who wants to know of the end of a batch', () => {
  it('is told once, with the batch, by its own event', async () => {
    const world = await createBatchWorld();
    const events = ['batch.completed', 'batch.failed'] as const;
    await world.endpoints.put(sampleEndpoint({ events: [...events], url: 'https://hooks.example/' }));
    const outbound = createMemoryOutbound(world);
    const ports = { ...world, outbound, webhookKey: 'the key of this platform, 32 or more', chance: () => 0 };
    const ended = await world.finish(await world.addBatch([lineOf('a')]));
    const failed = await world.finish(await world.addBatch('x'));

    // As after a crash between telling and noting that it was told.
    await announceBatch(world, ended);
    const deliverer = createDeliverer(ports);
    await deliverer.look();
    await deliverer.idle();

    const messages = outbound.received.map(({ body }) => JSON.parse(body));
    expect(messages.map(({ type, data }) => [type, data.id]).toSorted()).toEqual([
      ['batch.completed', ended.batchId],
      ['batch.failed', failed.batchId],
    ]);
    expect(messages.find(({ type }) => type === 'batch.completed').data).toEqual(presentBatch(ended));
  });
});

describe('several processes', () => {
  it('work at the same batch at once, and every line has one job and one result', async () => {
    const world = await createBatchWorld();
    const names = ids(40);
    const batch = await world.addBatch(names.map((id) => lineOf(id)));
    const desks = [createBatchDesk(), createBatchDesk(), createBatchDesk()];

    for (let rounds = 0; rounds < 8; rounds += 1) {
      await Promise.all(desks.map((desk) => world.round(world, desk)));
      await world.work();
      await world.clock.advance(batchRunLimits.collectMs);
    }

    const ended = await world.finish(batch);
    expect(customIds(await world.outputs(ended))).toEqual(names.toSorted());
    expect(await chargesOf(world)).toBe(40);
  });
});

describe('a submission that is held up', () => {
  it('creates no job once its line was told as cancelled, however late it goes on', async () => {
    const world = await createBatchWorld();
    const batch = await world.addBatch([lineOf('a')]);
    const { promise, resolve } = Promise.withResolvers<void>();
    const isAdmitted = Promise.withResolvers<void>();
    const gates: typeof world.gates = {
      ...world.gates,
      async admit(tenantId, ask) {
        const outcome = await world.gates.admit(tenantId, ask);
        isAdmitted.resolve();
        await promise;
        return outcome;
      },
    };

    const late = world.round({ ...world, gates }, createBatchDesk());
    await isAdmitted.promise;
    await cancelBatch(world, batch.tenantId, batch.batchId);
    const ended = await world.finish(batch);
    resolve();
    await late;

    expect(ended).toMatchObject({ status: 'cancelled', outputs: { lines: 0 }, faults: { lines: 1 } });
    expect(await world.work()).toBe(0);
    expect(Object.keys((await world.gates.read(batch.tenantId))?.open ?? {})).toEqual([]);
  });
});

type World = Awaited<ReturnType<typeof createBatchWorld>>;

async function jobOf(world: World, entry: { readonly jobId: string } | undefined) {
  const job = await world.jobs.get(world.tenant.tenantId, entry?.jobId ?? '');
  if (job === null) throw new Error('there is no such job');
  return job;
}

async function chargesOf({ ledger, tenant, clock }: World): Promise<number> {
  const month = monthOf(clock.nowMs());
  return (await allPages((cursor) => ledger.list(tenant.tenantId, month, cursor))).length;
}
