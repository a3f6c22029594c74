import { describe, expect, it } from 'vitest';
import type { JobStatus } from '../job/job.ts';
import { fullJob, sampleJob, sampleLedgerEntry, sampleNowMs } from '../samples.ts';
import { ledgerEntryOf, ledgerEntrySchema } from './ledger.ts';

const done = { kind: 'done' } as const;

describe('ledgerEntryOf', () => {
  it('writes down what a finished job used and cost', () => {
    const job = fullJob({ status: 'succeeded', place: done, costUsdMicros: 321 });

    expect(ledgerEntryOf(job)).toEqual({
      tenantId: job.tenantId,
      month: '203003',
      jobId: job.jobId,
      keyId: job.keyId,
      model: job.model,
      outcome: 'succeeded',
      gpuMs: 812,
      images: 2,
      weightedImages: 2.25,
      usdMicros: 321,
      reservedUsdMicros: job.reservedUsdMicros,
      atMs: sampleNowMs + 900,
    });
  });

  it('writes nothing but zeros for a job that never ran', () => {
    const job = sampleJob({
      status: 'expired',
      place: done,
      costUsdMicros: 0,
      finishedAtMs: sampleNowMs + 5,
    });

    expect(ledgerEntryOf(job)).toMatchObject({
      outcome: 'expired',
      gpuMs: 0,
      images: 0,
      weightedImages: 0,
      usdMicros: 0,
      atMs: sampleNowMs + 5,
    });
  });

  it('belongs to the month of admission, whenever the job ended', () => {
    const createdAtMs = Date.UTC(2030, 2, 31, 23, 59);
    const job = sampleJob({
      status: 'failed',
      place: done,
      createdAtMs,
      finishedAtMs: createdAtMs + 600_000,
    });

    expect(ledgerEntryOf(job).month).toBe('203003');
  });

  it.each<JobStatus>(['succeeded', 'failed', 'canceled', 'expired'])(
    'is a valid entry of a %s job',
    (status) => {
      const entry = ledgerEntryOf(fullJob({ status, place: done }));

      expect(ledgerEntrySchema.parse(entry)).toEqual(entry);
      expect(entry.outcome).toBe(status);
    },
  );

  it.each<JobStatus>(['queued', 'running'])('does not exist for a %s job', (status) => {
    expect(() => ledgerEntryOf(sampleJob({ status }))).toThrow(status);
  });
});

describe('sampleLedgerEntry', () => {
  it('is valid', () => {
    expect(ledgerEntrySchema.parse(sampleLedgerEntry())).toEqual(sampleLedgerEntry());
  });
});
