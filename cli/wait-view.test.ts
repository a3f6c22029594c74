import { describe, expect, it } from 'vitest';
import { presentJob } from '#core/api/job-resource.ts';
import { sampleJob, sampleNowMs, sampleWait } from '#core/samples.ts';
import { jobDetails } from './job-view.ts';
import { phaseText, placeText, startText } from './wait-view.ts';

type View = Parameters<typeof sampleWait>[0];

function waitOf(view: View, job = sampleJob()) {
  const { wait } = presentJob(job, sampleWait(view));
  if (wait === null) throw new Error('the job waits');
  return wait;
}

describe('the place of a job that waits', () => {
  it.each([
    [0, '1st in line'],
    [1, '2nd in line'],
    [2, '3rd in line'],
    [3, '4th in line'],
    [10, '11th in line'],
    [11, '12th in line'],
    [20, '21st in line'],
    [111, '112th in line'],
  ])('counts from the one that is next: %i ahead', (ahead, text) => {
    expect(placeText(waitOf({ reason: 'behind_others', ahead }))).toBe(text);
  });

  it('claims no place that was not counted', () => {
    const text = placeText(waitOf({ reason: 'behind_others', ahead: 1_000, isExact: false }));

    expect(text).toBe('behind at least 1000 jobs');
  });

  it.each([
    ['starting_worker', 'a worker is starting, 2nd in line'],
    ['loading_model', 'a model is loading, 2nd in line'],
    ['worker_unhealthy', 'the workers are not heard of, 2nd in line'],
  ] as const)('says why nobody takes it: %s', (reason, text) => {
    expect(placeText(waitOf({ reason }))).toBe(text);
  });
});

describe('the start of a job that waits', () => {
  it('is told from the time of the reader', () => {
    expect(startText(waitOf({}), sampleNowMs)).toBe('starts in about 12.0 s (most likely within 40.0 s)');
    expect(startText(waitOf({}), sampleNowMs + 20_000)).toBe(
      'starts in a moment (most likely within 20.0 s)',
    );
    expect(startText(waitOf({}), sampleNowMs + 60_000)).toBe('starts in a moment (most likely within 1.0 s)');
  });

  it('is not told while the pool is paused', () => {
    const wait = waitOf({ reason: 'paused', start: null, phase: null });

    expect(placeText(wait)).toBe('the operator paused its pool, 2nd in line');
    expect(startText(wait, sampleNowMs)).toBeNull();
  });

  it('says that the job may expire before', () => {
    const wait = waitOf({}, sampleJob({ startByMs: sampleNowMs + 30_000 }));

    expect(startText(wait, sampleNowMs)).toBe(
      'starts in about 12.0 s (most likely within 40.0 s), may expire before',
    );
  });
});

it('says how far the worker is that is to come, and nothing when one serves', () => {
  expect(phaseText(waitOf({}))).toBe('starting for 8.0 s of about 20.0 s');
  expect(phaseText(waitOf({ phase: null }))).toBeNull();
});

it('shows place, start and worker among the details of a job that waits', () => {
  const details = jobDetails(presentJob(sampleJob(), sampleWait()), sampleNowMs);

  expect(details).toMatch(/status +waiting: a worker is starting, 2nd in line\n/);
  expect(details).toMatch(/start +starts in about 12\.0 s \(most likely within 40\.0 s\)\n/);
  expect(details).toMatch(/worker +starting for 8\.0 s of about 20\.0 s\n/);
});
