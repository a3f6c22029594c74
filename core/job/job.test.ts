import { describe, expect, it } from 'vitest';
import { fullJob, sampleJob } from '../samples.ts';
import {
  filesKeptUntilMs,
  isPastRetention,
  isTerminal,
  jobRecordSchema,
  keptUntilMs,
  lineEntryOf,
} from './job.ts';

describe('jobRecordSchema', () => {
  it('takes the samples as they are', () => {
    expect(jobRecordSchema.parse(sampleJob())).toEqual(sampleJob());
    expect(jobRecordSchema.parse(fullJob())).toEqual(fullJob());
  });

  it('takes a record through JSON and back unchanged', () => {
    expect(jobRecordSchema.parse(JSON.parse(JSON.stringify(fullJob())))).toEqual(fullJob());
  });

  it('takes a record from before jobs said what they take of a card', () => {
    const { memoryMb, allotmentMb, runningJobsMax, isolation, encrypted, ...old } = sampleJob();

    expect(jobRecordSchema.parse(old)).toEqual({ ...sampleJob(), memoryMb: 0 });
  });

  it('takes a record from before jobs waited for memory', () => {
    const { memoryWaits, ...old } = sampleJob();

    expect(memoryWaits).toBe(0);
    expect(jobRecordSchema.parse(old)).toEqual(sampleJob());
  });

  it('refuses money, time and tags that are no whole numbers', () => {
    for (const broken of [{ reservedUsdMicros: 0.5 }, { createdAtMs: -1 }, { tag: Number.NaN }]) {
      expect(jobRecordSchema.safeParse(sampleJob(broken)).success).toBe(false);
    }
  });
});

describe('the end of a job’s retention', () => {
  const finishedAtMs = 1_900_000_000_001;
  const ended = sampleJob({ finishedAtMs, retentionMs: 86_400_000 });

  it('is the full second at or after its end and its retention', () => {
    expect(keptUntilMs(ended)).toBe(1_900_086_401_000);
    expect(keptUntilMs({ ...ended, finishedAtMs: finishedAtMs - 1 })).toBe(1_900_086_400_000);
    expect([1_900_086_400_999, 1_900_086_401_000].map((ms) => isPastRetention(ended, ms))).toEqual([
      false,
      true,
    ]);
  });

  it('never comes before the job has ended', () => {
    const waiting = sampleJob({ createdAtMs: 0, retentionMs: 86_400_000 });

    expect([keptUntilMs(waiting), filesKeptUntilMs(waiting)]).toEqual([null, null]);
    expect(isPastRetention(waiting, Number.MAX_SAFE_INTEGER)).toBe(false);
  });

  it('comes earlier for files that are another job’s and go before', () => {
    const filesUntilMs = 1_900_000_500_000;

    expect(filesKeptUntilMs({ ...ended, filesUntilMs })).toBe(filesUntilMs);
    expect(filesKeptUntilMs({ ...ended, filesUntilMs: 2_000_000_000_000 })).toBe(1_900_086_401_000);
  });

  it('is 30 days after the end in a record from before retention was noted', () => {
    const { retentionMs, filesUntilMs, ...old } = sampleJob();

    expect(jobRecordSchema.parse(old)).toEqual({ ...old, retentionMs: 30 * 86_400_000, filesUntilMs: null });
  });
});

describe('isTerminal', () => {
  it('goes by the place', () => {
    const lease = { kind: 'lease', workerId: 'worker-1', expiresAtMs: 1 } as const;

    expect(isTerminal({ place: { kind: 'line' } })).toBe(false);
    expect(isTerminal({ place: lease })).toBe(false);
    expect(isTerminal({ place: { kind: 'done' } })).toBe(true);
  });
});

describe('lineEntryOf', () => {
  it('shows nothing of the input, the key or the metadata', () => {
    const entry = lineEntryOf(fullJob());

    expect(Object.keys(entry).toSorted()).toEqual([
      'allotmentMb',
      'attempt',
      'batchKey',
      'class',
      'isolation',
      'jobId',
      'memoryMb',
      'model',
      'modelRevision',
      'notBeforeMs',
      'pool',
      'predictedGpuMs',
      'runningJobsMax',
      'startByMs',
      'tag',
      'tagCost',
      'tenantId',
      'workerId',
    ]);
  });

  it('names the worker that holds the lease, and none of a job that waits', () => {
    expect(lineEntryOf(fullJob()).workerId).toBe('worker-1');
    expect(lineEntryOf(sampleJob()).workerId).toBeNull();
  });
});

it('reads a record of before jobs were told when they start', () => {
  const { toldStart: _, ...record } = sampleJob();

  expect(jobRecordSchema.parse(record)).toEqual(sampleJob({ toldStart: null }));
});
