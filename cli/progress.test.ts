import { describe, expect, it } from 'vitest';
import type { Job } from '#client/schema.ts';
import { presentJob } from '#core/api/job-resource.ts';
import { sampleJob, sampleNowMs, sampleWait } from '#core/samples.ts';
import { barOf, createProgress, phaseOf } from './progress.ts';

const queued = presentJob(sampleJob(), sampleWait());
const running: Job = { ...queued, status: 'running', wait: null, progress: { step: 4, steps: 8 } };

describe('the phase of a job', () => {
  it('says why it waits', () => {
    const behind = presentJob(sampleJob(), sampleWait({ reason: 'behind_others' }));

    expect(phaseOf(queued)).toBe('waiting: a worker is starting, 2nd in line');
    expect(phaseOf(behind)).toBe('waiting: 2nd in line');
  });

  it('says that a job waits for another attempt', () => {
    const again: Job = { ...queued, status: 'running', attempts: 1 };

    expect(phaseOf(again)).toBe('waiting again after attempt 1: a worker is starting, 2nd in line');
  });

  it('counts the steps of a job that runs', () => {
    expect(phaseOf(running)).toBe('running 4/8');
    expect(barOf(running)).toBe('[############------------]');
    expect(phaseOf({ ...running, progress: null })).toBe('running');
  });
});

describe('progress elsewhere than on a terminal', () => {
  it('is a plain line for every change and nothing else', () => {
    const { progress, written } = start(false);

    for (const job of [queued, queued, running, running]) progress.update(job);
    progress.end();

    expect(written()).toBe(
      'waiting: a worker is starting, 2nd in line, starts in about 12.0 s (most likely within 40.0 s)\n' +
        'running 4/8\n',
    );
  });
});

describe('progress on a terminal', () => {
  it('counts down to the start of a job that waits', () => {
    const { progress, written } = start(true);

    progress.update(queued);
    progress.end();

    expect(written()).toContain('2nd in line, starts in about 12.0 s (most likely within 40.0 s)  0 ms');
  });

  it('is one line that is redrawn and cleared in the end', () => {
    const { progress, written } = start(true);

    progress.update(running);
    progress.end();
    progress.end();

    expect(written()).toBe('\r\u001b[2Krunning 4/8  [############------------]  0 ms\r\u001b[2K');
  });
});

function start(isLive: boolean) {
  let text = '';
  const progress = createProgress({
    isLive,
    nowMs: () => sampleNowMs,
    write: (part) => {
      text += part;
    },
  });
  return { progress, written: () => text };
}
