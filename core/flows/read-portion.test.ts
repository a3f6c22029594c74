import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, fakeChatManifest, fakeManifest, submission } from '#sim/memory/flow-world.ts';
import type { JobOutput, JobRecord } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { claim, fail, jobError, reclaim, succeed } from '../job/transitions.ts';
import { jobLimits } from '../limits.ts';
import type { Mark } from '../ports/marks.ts';
import { fullJob } from '../samples.ts';
import { applyTransition } from './apply.ts';
import { readPortion } from './read-portion.ts';
import { submit } from './submit.ts';

const stays = new AbortController().signal;
const waitMs = 1_000;

async function open(model = 'fake-chat') {
  const world = await createFlowWorld({ manifests: [fakeManifest, fakeChatManifest] });
  const input =
    model === 'fake-chat'
      ? { messages: [{ role: 'user', content: 'hello' }] }
      : { prompt: 'a lighthouse', n: 2 };
  const outcome = await submit(world, submission(world.tenant, { model, input, stream: true }));
  if (outcome.kind !== 'accepted') throw new Error(`the request is ${outcome.kind}`);
  const { tenantId, jobId } = outcome.job;
  const latest = async () => {
    const job = await world.jobs.get(tenantId, jobId);
    if (job === null) throw new Error('the job is there');
    return job;
  };
  return {
    world,
    latest,
    async start() {
      await applyTransition(
        world,
        outcome.job,
        claim(lineEntryOf(outcome.job), 'worker_1', world.clock.nowMs()),
      );
    },
    async takeOver() {
      await world.clock.advance(2 * jobLimits.leaseMs);
      await applyTransition(world, await latest(), reclaim(await latest(), 'worker_2', world.clock.nowMs()));
    },
    async say(text: string, at: number, attempt = 1) {
      const piece = { attempt, at, text, isLast: false, toldAtMs: world.clock.nowMs() };
      await world.jobEvents.append(tenantId, jobId, piece);
    },
    async end(outputs: JobOutput[]) {
      const { usage, timings, receipt } = fullJob();
      if (usage === null || timings === null || receipt === null)
        throw new Error('a full job has all of them');
      const done = { usage, timings, receipt, costUsdMicros: 1 };
      const job = await latest();
      await applyTransition(world, job, succeed(job, world.clock.nowMs(), outputs, done));
    },
    /** What one request is told; `nothing` in the form of an empty text. */
    async ask() {
      const answer = readPortion(world, await latest(), { endMs: world.clock.nowMs() + waitMs, gone: stays });
      await passing(world, answer);
      return answer;
    },
  };
}

async function passing(world: FlowWorld, answer: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = answer.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  while (!isOver) await world.clock.advance(100);
  await over;
}

function textOf(text: string): JobOutput {
  return { type: 'text', path: 'jobs/a/1/0.txt', contentType: 'text/plain', bytes: 1, sha256: '0', text };
}

describe('a portion', () => {
  it('is what was said since the one before, each once, and the rest at the end', async () => {
    const { start, say, end, ask } = await open();
    await start();
    await say('one ', 0);
    await say('two ', 4);

    const first = await ask();
    await say('three ', 8);
    const second = await ask();
    await end([textOf('one two three four')]);
    const [third, fourth] = [await ask(), await ask()];

    expect(first).toMatchObject({ text: 'one two ', job: { status: 'running' } });
    expect(second).toMatchObject({ text: 'three ' });
    expect(third).toMatchObject({ text: 'four', job: { status: 'succeeded' } });
    expect(fourth).toMatchObject({ text: '', outputs: [], job: { status: 'succeeded' } });
  });

  it('is waited for, and is nothing where nothing comes', async () => {
    const { world, ask } = await open();
    const fromMs = world.clock.nowMs();

    expect(await ask()).toMatchObject({ kind: 'portion', text: '', outputs: [], job: { status: 'queued' } });
    expect(world.clock.nowMs() - fromMs).toBeGreaterThanOrEqual(waitMs);
  });

  it('goes to one of two who ask at once', async () => {
    const { start, say, ask } = await open();
    await start();
    await say('one ', 0);

    const told = await Promise.all([ask(), ask()]);

    expect(told.map((each) => (each.kind === 'portion' ? each.text : each.kind)).toSorted()).toEqual([
      '',
      'one ',
    ]);
  });

  it('is not lost where its mark was written twice, and refused the second time', async () => {
    const { world, start, say, ask } = await open();
    await start();
    await say('one ', 0);
    const { put } = world.marks;
    const putTwice = async (mark: Mark) => {
      await put(mark);
      return put(mark);
    };
    Object.assign(world.marks, { put: putTwice });

    expect(await ask()).toMatchObject({ text: 'one ' });
    await say('two ', 4);
    const told = await Promise.all([ask(), ask()]);

    expect(told.map((each) => (each.kind === 'portion' ? each.text : each.kind)).toSorted()).toEqual([
      '',
      'two ',
    ]);
  });

  it('goes on with a later attempt that says the same', async () => {
    const { start, say, takeOver, end, ask } = await open();
    await start();
    await say('one two ', 0);
    await ask();
    await takeOver();
    await say('one ', 0, 2);
    const behind = await ask();
    await say('two three ', 4, 2);
    const ahead = await ask();
    await end([textOf('one two three four')]);

    expect(behind).toMatchObject({ kind: 'portion', text: '' });
    expect(ahead).toMatchObject({ text: 'three ' });
    expect(await ask()).toMatchObject({ text: 'four' });
  });

  it('tells nothing more once a later attempt says otherwise', async () => {
    const { start, say, takeOver, end, ask } = await open();
    await start();
    await say('one two ', 0);
    await ask();
    await takeOver();
    await say('one other thing', 0, 2);

    expect(await ask()).toEqual({ kind: 'otherwise' });
    await end([textOf('one other thing')]);
    expect(await ask()).toEqual({ kind: 'otherwise' });
  });

  it('has all that a job took over says that was told nothing before', async () => {
    const { start, takeOver, end, ask } = await open();
    await start();
    await takeOver();
    await end([textOf('one two')]);

    expect(await ask()).toMatchObject({ text: 'one two', job: { attempt: 2 } });
  });

  it('of a job that failed is what it said until then', async () => {
    const { world, latest, start, say, ask } = await open();
    await start();
    await say('one ', 0);
    const job: JobRecord = await latest();
    await applyTransition(world, job, fail(job, world.clock.nowMs(), jobError('model_error')));

    expect(await ask()).toMatchObject({ text: 'one ', job: { status: 'failed' } });
    expect(await ask()).toMatchObject({ text: '', job: { status: 'failed' } });
  });

  it('of pictures is every one, once', async () => {
    const { start, end, ask } = await open('fake-image');
    await start();
    await end(fullJob().outputs.slice(0, 1));

    expect(await ask()).toMatchObject({ text: '', outputs: [0] });
    expect(await ask()).toMatchObject({ text: '', outputs: [] });
  });
});
