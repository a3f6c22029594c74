import { describe, expect, it } from 'vitest';
import { fullJob, sampleJob } from '../samples.ts';
import { isTerminal, jobRecordSchema, lineEntryOf } from './job.ts';

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

  it('refuses money, time and tags that are no whole numbers', () => {
    for (const broken of [{ reservedUsdMicros: 0.5 }, { createdAtMs: -1 }, { tag: Number.NaN }]) {
      expect(jobRecordSchema.safeParse(sampleJob(broken)).success).toBe(false);
    }
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
