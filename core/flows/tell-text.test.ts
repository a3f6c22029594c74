import { describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import type { JobRecord } from '../job/job.ts';
import { streamLimits } from '../limits.ts';
import { sampleJob } from '../samples.ts';
import type { Preview } from '../stream/text-piece.ts';
import type { TellPorts } from './tell-text.ts';
import { startTelling } from './tell-text.ts';

const job = sampleJob({ streamed: true, attempt: 3 });

function look(step: number): Preview {
  const body = Uint8Array.of(step);
  return { step, steps: 100, contentType: 'image/jpeg', width: 8, height: 8, body };
}

async function open(jobs: readonly JobRecord[] = [job], change: Partial<TellPorts> = {}) {
  const world = await createFlowWorld();
  const telling = startTelling({ ...world, ...change }, jobs);
  const said = async ({ tenantId, jobId }: JobRecord = job) =>
    (await world.jobEvents.read(tenantId, jobId, { attempt: 0, at: 0 }, 1_000)).map(
      ({ attempt, at, text, isLast, toldAtMs }) => ({ attempt, at, text, isLast, toldAtMs }),
    );
  const texts = async (each?: JobRecord) => (await said(each)).map(({ text }) => text);
  return { world, telling, said, texts };
}

describe('telling a text', () => {
  it('writes the first words at once and merges those that follow into a piece every 200 ms', async () => {
    const { world, telling, texts } = await open();

    telling.events.onDelta?.(job.jobId, 'one ');
    await world.clock.advance(0);
    const first = await texts();
    for (const word of ['two ', 'three ', 'four ']) {
      telling.events.onDelta?.(job.jobId, word);
      await world.clock.advance(50);
    }
    const before = await texts();
    await world.clock.advance(streamLimits.mergeMs);

    expect(first).toEqual(['one ']);
    expect(before).toEqual(['one ']);
    expect(await texts()).toEqual(['one ', 'two three four ']);
  });

  it('says with every piece of which attempt it is and where it begins', async () => {
    const { world, telling, said } = await open();
    const atMs = world.clock.nowMs();

    telling.events.onDelta?.(job.jobId, '灯台 ');
    await world.clock.advance(0);
    telling.events.onDelta?.(job.jobId, 'by the sea');
    await telling.finish(job);

    expect(await said()).toEqual([
      { attempt: 3, at: 0, text: '灯台 ', isLast: false, toldAtMs: atMs },
      { attempt: 3, at: 3, text: 'by the sea', isLast: false, toldAtMs: atMs },
      { attempt: 3, at: 13, text: '', isLast: true, toldAtMs: atMs },
    ]);
  });

  it('does not wait for the next piece to be due when the attempt ends', async () => {
    const { world, telling, texts } = await open();

    telling.events.onDelta?.(job.jobId, 'one ');
    telling.events.onDelta?.(job.jobId, 'two');
    await telling.finish(job);

    expect(await texts()).toEqual(['one ', 'two', '']);
    expect(world.clock.nextWakeMs()).toBeNull();
  });

  it('cuts what one piece cannot hold between characters', async () => {
    const { telling, texts } = await open();
    const text = '🗼'.repeat(500);

    telling.events.onDelta?.(job.jobId, text);
    await telling.finish(job);

    const pieces = await texts();
    expect(pieces.join('')).toBe(text);
    expect(pieces).toHaveLength(4);
    for (const piece of pieces) {
      expect(piece.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(streamLimits.pieceBytesMax);
    }
  });

  it('writes nothing of a job that nobody streams, or that is not of this batch', async () => {
    const quiet = sampleJob({ jobId: 'job_quiet', streamed: false });
    const { telling, texts } = await open([quiet]);

    telling.events.onDelta?.(quiet.jobId, 'a word');
    telling.events.onDelta?.(job.jobId, 'a word');
    await telling.finish(quiet);
    await telling.finish(job);

    expect([...(await texts(quiet)), ...(await texts())]).toEqual([]);
  });

  it('tries a piece again that may have been written, and says the same', async () => {
    const { world } = await open();
    const tried: string[] = [];
    const append: TellPorts['jobEvents']['append'] = async (tenantId, jobId, piece) => {
      tried.push(piece.text);
      const outcome = await world.jobEvents.append(tenantId, jobId, piece);
      if (tried.length === 1) throw new Error('the answer got lost');
      return outcome;
    };
    const telling = startTelling({ ...world, jobEvents: { append } }, [job]);

    telling.events.onDelta?.(job.jobId, 'one ');
    await world.clock.advance(0);
    telling.events.onDelta?.(job.jobId, 'two ');
    await world.clock.advance(1_000);

    expect(tried).toEqual(['one ', 'one ', 'two ']);
  });

  it('gives up on the attempt rather than leave a hole, and does not hold up its end', async () => {
    const { world, said } = await open();
    let isDown = false;
    const append: TellPorts['jobEvents']['append'] = (...piece) =>
      isDown ? Promise.reject(new Error('out of reach')) : world.jobEvents.append(...piece);
    const telling = startTelling({ ...world, jobEvents: { append } }, [job]);

    telling.events.onDelta?.(job.jobId, 'one ');
    await world.clock.advance(0);
    isDown = true;
    telling.events.onDelta?.(job.jobId, 'two ');
    await world.clock.advance(2_000);
    isDown = false;
    telling.events.onDelta?.(job.jobId, 'three');
    await telling.finish(job);

    expect(await said()).toMatchObject([{ text: 'one ', isLast: false }]);
    expect(world.log.lines).toMatchObject([{ event: 'stream.untold', fields: { attempt: 3 } }]);
  });
});

describe('telling how a picture looks', () => {
  /** A store that answers when it is told to. */
  function slowStore(append: TellPorts['jobEvents']['append']) {
    const waiting: (() => void)[] = [];
    const jobEvents: TellPorts['jobEvents'] = {
      append: async (...piece) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return append(...piece);
      },
    };
    return { jobEvents, answer: () => waiting.shift()?.() };
  }

  async function openSlow() {
    const { world } = await open();
    const { jobEvents, answer } = slowStore(world.jobEvents.append);
    const telling = startTelling({ ...world, jobEvents }, [job]);
    const shown = async () =>
      (await world.jobEvents.read(job.tenantId, job.jobId, { attempt: 0, at: 0 }, 100)).map(
        ({ at, preview, isLast }) => (isLast ? `${at} last` : `${at} step ${preview?.step}`),
      );
    const next = async () => {
      answer();
      await world.clock.advance(0);
    };
    return { telling, shown, next };
  }

  it('writes the first preview at once, and of those that come meanwhile the latest', async () => {
    const { telling, shown, next } = await openSlow();

    for (const step of [2, 4, 6]) telling.events.onPreview?.(job.jobId, look(step));
    await next();
    await next();

    expect(await shown()).toEqual(['0 step 2', '1 step 6']);
  });

  it('drops the preview that waits when the attempt ends, because the picture follows', async () => {
    const { telling, shown, next } = await openSlow();
    telling.events.onPreview?.(job.jobId, look(2));
    telling.events.onPreview?.(job.jobId, look(4));

    const finished = telling.finish(job);
    await next();
    await next();
    await finished;

    expect(await shown()).toEqual(['0 step 2', '1 last']);
  });

  it('writes so many of an attempt and no more', async () => {
    const { world, telling, said } = await open();

    for (let step = 1; step <= 2 * streamLimits.previewsMax; step += 1) {
      telling.events.onPreview?.(job.jobId, look(step));
      await world.clock.advance(0);
    }
    await telling.finish(job);

    expect(await said()).toHaveLength(streamLimits.previewsMax + 1);
  });

  it('gives up where the store cannot be reached, and the attempt ends all the same', async () => {
    const { world } = await open();
    const append = () => Promise.reject(new Error('out of reach'));
    const telling = startTelling({ ...world, jobEvents: { append } }, [job]);

    telling.events.onPreview?.(job.jobId, look(2));
    await world.clock.advance(10_000);
    telling.events.onPreview?.(job.jobId, look(4));
    await telling.finish(job);

    expect(world.log.lines).toMatchObject([{ event: 'stream.untold' }]);
    expect(JSON.stringify(world.log.lines)).not.toContain('body');
  });

  it('asks for none where no job of the batch is streamed', async () => {
    const { telling } = await open([sampleJob({ jobId: 'job_quiet', streamed: false })]);

    expect(telling.events).toEqual({});
  });
});
