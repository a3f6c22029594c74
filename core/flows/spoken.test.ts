import { beforeEach, describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { streamLimits } from '../limits.ts';
import type { JobEvents } from '../ports/streams.ts';
import { spokenBefore } from './spoken.ts';

const job = { tenantId: 'tenant-a', jobId: `job_${'0'.repeat(26)}` };

let jobEvents: JobEvents;

beforeEach(async () => {
  ({ jobEvents } = await createFlowWorld());
});

/** Pieces of an attempt, one after the other, from `at` on. */
async function say(attempt: number, at: number, texts: readonly string[]): Promise<void> {
  let begins = at;
  for (const text of texts) {
    await jobEvents.append(job.tenantId, job.jobId, {
      attempt,
      at: begins,
      text,
      isLast: false,
      toldAtMs: 0,
    });
    begins += text.length;
  }
}

describe('what an attempt said', () => {
  it('is its own text up to the position, also within a piece', async () => {
    await say(1, 0, ['It was ', 'a dark night']);
    await say(2, 0, ['Once upon']);

    const spoken = (attempt: number, at: number) => spokenBefore({ jobEvents }, job, { attempt, at });

    expect(await spoken(1, 0)).toBe('');
    expect(await spoken(1, 9)).toBe('It was a ');
    expect(await spoken(1, 19)).toBe('It was a dark night');
    expect(await spoken(2, 4)).toBe('Once');
  });

  it('is read page by page', async () => {
    const pieces = Array.from({ length: streamLimits.readMax + 5 }, (_, index) => `${index} `);
    await say(1, 0, pieces);

    const whole = pieces.join('');

    expect(await spokenBefore({ jobEvents }, job, { attempt: 1, at: whole.length })).toBe(whole);
  });

  it('is unknown beyond its end, and where a piece of it is gone', async () => {
    await say(1, 0, ['It was ']);
    await say(2, 5, ['upon a time']);

    expect(await spokenBefore({ jobEvents }, job, { attempt: 1, at: 8 })).toBeNull();
    expect(await spokenBefore({ jobEvents }, job, { attempt: 2, at: 8 })).toBeNull();
    expect(await spokenBefore({ jobEvents }, job, { attempt: 3, at: 1 })).toBeNull();
  });
});
