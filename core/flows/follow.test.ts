import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import {
  createFlowWorld,
  fakeChatManifest,
  fakeManifest,
  submission,
  worldPool,
} from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { claim, giveBack, reclaim } from '../job/transitions.ts';
import { jobLimits } from '../limits.ts';
import type { TextPiece, TextPosition } from '../stream/text-piece.ts';
import { applyTransition } from './apply.ts';
import { cancel } from './cancel.ts';
import type { Followed } from './follow.ts';
import { follow } from './follow.ts';
import { submit } from './submit.ts';
import { work } from './work.ts';

async function open() {
  const world = await createFlowWorld({ manifests: [fakeManifest, fakeChatManifest] });
  const submitted = async (stream: boolean, content = 'a lighthouse by the sea') => {
    const input = { messages: [{ role: 'user', content }], max_tokens: 20, step_ms: 100 };
    const outcome = await submit(world, submission(world.tenant, { model: 'fake-chat', input, stream }));
    if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
    return outcome.job;
  };
  return { world, submitted };
}

/** Follows as a client does, and keeps all that it is told. */
function watch(world: FlowWorld, job: JobRecord, from: TextPosition | null = null) {
  const gone = new AbortController();
  const told: Followed[] = [];
  const done = (async () => {
    for await (const each of follow(world, job, { from, signal: gone.signal })) told.push(each);
  })();
  return {
    told,
    done,
    leave: () => gone.abort(),
    text: () => told.map((each) => (each.kind === 'delta' ? each.text : '')).join(''),
    statuses: () => [
      ...new Set(
        told.flatMap((each) => (each.kind === 'job' ? [`${each.job.status} ${each.job.attempt}`] : [])),
      ),
    ],
    latest: () => told.findLast((each) => each.kind === 'job')?.job,
  };
}

function startWorker(world: FlowWorld) {
  const stopping = new AbortController();
  const signals = { stopping: stopping.signal, interrupt: new AbortController().signal };
  const done = work(world, { workerId: 'worker_1', pool: worldPool, slots: 4, ...signals });
  return async () => {
    stopping.abort();
    await world.clock.advance(30_000);
    await done;
  };
}

function piece(change: Partial<TextPiece>): TextPiece {
  return { attempt: 1, at: 0, text: 'a', isLast: false, toldAtMs: 0, ...change };
}

describe('following a job', () => {
  it('tells its text as it comes, and ends with its record', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const stop = startWorker(world);
    const client = watch(world, job);

    await world.clock.advance(2_000);
    const early = client.text();
    await world.clock.advance(3_000);
    await client.done;
    await stop();

    const said = `${job.jobId} 0 a lighthouse by the sea`;
    expect(early.length).toBeGreaterThan(5);
    expect(said.startsWith(early)).toBe(true);
    expect(early.length).toBeLessThan(said.length);
    expect(client.text()).toBe(said);
    expect(client.statuses()).toEqual(['queued 0', 'running 1', 'succeeded 1']);
    expect(client.latest()?.outputs[0]?.text).toBe(said);
    expect(world.clock.nextWakeMs()).toBeNull();
  });

  it('shows a piece within 300 ms of its being written', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const running = await applyTransition(
      world,
      job,
      claim(lineEntryOf(job), 'worker_1', world.clock.nowMs()),
    );
    const client = watch(world, running ?? job);
    await world.clock.advance(10_000);

    await world.jobEvents.append(job.tenantId, job.jobId, piece({ text: 'first' }));
    await world.clock.advance(300);

    expect(client.text()).toBe('first');
    client.leave();
    await client.done;
  });

  it('goes on where a client was, in the same attempt', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const stop = startWorker(world);
    await world.clock.advance(5_000);
    await stop();
    const ended = await world.jobs.get(job.tenantId, job.jobId, { consistent: true });
    const first = watch(world, ended ?? job);
    await first.done;
    const places = first.told.flatMap((each) => (each.kind === 'delta' ? [each.position] : []));

    for (const from of places) {
      const again = watch(world, ended ?? job, from);
      await again.done;

      expect(first.text().slice(0, from.at) + again.text()).toBe(first.text());
    }
    expect(places.length).toBeGreaterThan(3);
  });

  it('begins anew with a later attempt, and tells nothing that the one before says late', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const { tenantId, jobId } = job;
    const first = await applyTransition(world, job, claim(lineEntryOf(job), 'worker_1', world.clock.nowMs()));
    await world.jobEvents.append(tenantId, jobId, piece({ text: 'once upon' }));
    const client = watch(world, first ?? job);
    await world.clock.advance(jobLimits.leaseMs + 1);

    const nowMs = world.clock.nowMs();
    const second = await applyTransition(world, job, reclaim({ attempt: 1 }, 'worker_2', nowMs));
    await world.jobEvents.append(tenantId, jobId, piece({ attempt: 2, text: 'there was' }));
    await world.jobEvents.append(tenantId, jobId, piece({ at: 9, text: ' a time, said late' }));
    await world.clock.advance(5_000);
    client.leave();
    await client.done;

    expect(second?.attempt).toBe(2);
    expect(client.told.filter(({ kind }) => kind === 'delta')).toEqual([
      { kind: 'delta', text: 'once upon', position: { attempt: 1, at: 9 } },
      { kind: 'delta', text: 'there was', position: { attempt: 2, at: 9 } },
    ]);
    const shown = client.told.findIndex((each) => each.kind === 'job' && each.job.attempt === 2);
    expect(
      client.told.findIndex((each) => each.kind === 'delta' && each.position.attempt === 2),
    ).toBeGreaterThan(shown);
  });

  it('tells a client of an attempt that is no more the text of the one that is', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const first = await applyTransition(world, job, claim(lineEntryOf(job), 'worker_1', world.clock.nowMs()));
    if (first === null) throw new Error('nobody else claims');
    const back = await applyTransition(world, job, giveBack(first));
    const second = back && (await applyTransition(world, job, claim(lineEntryOf(back), 'worker_2', 0)));
    await world.jobEvents.append(job.tenantId, job.jobId, piece({ text: 'old' }));
    await world.jobEvents.append(job.tenantId, job.jobId, piece({ attempt: 2, text: 'new' }));

    const client = watch(world, second ?? job, { attempt: 1, at: 3 });
    await world.clock.advance(1_000);
    client.leave();
    await client.done;

    expect(client.text()).toBe('new');
  });

  it('tells nothing beyond a hole in the text', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const { tenantId, jobId } = job;
    const running = await applyTransition(
      world,
      job,
      claim(lineEntryOf(job), 'worker_1', world.clock.nowMs()),
    );
    await world.jobEvents.append(tenantId, jobId, piece({ text: 'one ' }));
    await world.jobEvents.append(tenantId, jobId, piece({ at: 8, text: 'three' }));

    const client = watch(world, running ?? job);
    await world.clock.advance(5_000);
    client.leave();
    await client.done;

    expect(client.text()).toBe('one ');
  });

  it('reads a text of many pieces to its end', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const running = await applyTransition(
      world,
      job,
      claim(lineEntryOf(job), 'worker_1', world.clock.nowMs()),
    );
    const words = Array.from({ length: 250 }, (_, index) => `word ${index} `);
    let at = 0;
    for (const text of words) {
      await world.jobEvents.append(job.tenantId, job.jobId, piece({ at, text }));
      at += text.length;
    }

    const client = watch(world, running ?? job);
    await world.clock.advance(1_000);
    client.leave();
    await client.done;

    expect(client.text()).toBe(words.join(''));
  });

  it('shows how a job stands that is not streamed, and tells none of its text', async () => {
    const { world, submitted } = await open();
    const job = await submitted(false);
    const stop = startWorker(world);
    const client = watch(world, job);

    await world.clock.advance(5_000);
    await client.done;
    await stop();

    expect(client.text()).toBe('');
    expect(client.latest()?.status).toBe('succeeded');
    expect(await world.jobEvents.read(job.tenantId, job.jobId, { attempt: 0, at: 0 }, 10)).toEqual([]);
  });

  it('ends with a job that is canceled while it waits', async () => {
    const { world, submitted } = await open();
    const job = await submitted(true);
    const client = watch(world, job);
    await world.clock.advance(1_000);

    await cancel(world, job.tenantId, job.jobId);
    await world.clock.advance(1_000);
    await client.done;

    expect(client.latest()?.status).toBe('canceled');
  });

  it('ends at once when the client is gone, also in the middle of a wait', async () => {
    const { world, submitted } = await open();
    const client = watch(world, await submitted(true));
    await world.clock.advance(60_000);

    client.leave();
    await client.done;

    expect(world.clock.nextWakeMs()).toBeNull();
  });

  it('tells how a picture looks while it is drawn, from any place on, and nothing of it where nobody asked', async () => {
    const { world } = await open();
    const draw = async (stream: boolean) => {
      const input = { prompt: 'a lighthouse', steps: 8, step_ms: 500 };
      const outcome = await submit(world, submission(world.tenant, { input, stream }));
      if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
      return outcome.job;
    };
    const [job, quiet] = [await draw(true), await draw(false)];
    const stop = startWorker(world);
    const [client, other] = [watch(world, job), watch(world, quiet)];

    await world.clock.advance(20_000);
    await Promise.all([client.done, other.done]);
    const again = watch(world, client.latest() ?? job, { attempt: 1, at: 2 });
    await again.done;
    await stop();

    const previewsOf = ({ told }: ReturnType<typeof watch>) =>
      told.flatMap((each) =>
        each.kind === 'preview'
          ? [[each.position.at, each.preview.step, new TextDecoder().decode(each.preview.body)]]
          : [],
      );
    expect(previewsOf(client)).toEqual([
      [1, 2, `${job.jobId} after 2`],
      [2, 4, `${job.jobId} after 4`],
      [3, 6, `${job.jobId} after 6`],
    ]);
    expect(previewsOf(again)).toEqual([[3, 6, `${job.jobId} after 6`]]);
    expect(previewsOf(other)).toEqual([]);
    expect(client.latest()).toMatchObject({ status: 'succeeded' });
    expect(client.latest()?.costUsdMicros).toBe(other.latest()?.costUsdMicros);
  });
});
