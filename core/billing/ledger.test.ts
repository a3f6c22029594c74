import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryGates } from '#sim/memory/memory-gates.ts';
import { createMemoryJobs } from '#sim/memory/memory-jobs.ts';
import { createMemoryLedger } from '#sim/memory/memory-ledger.ts';
import { createMemoryDeliveries, createMemoryEndpoints } from '#sim/memory/memory-webhooks.ts';
import { createSeededIds } from '#sim/memory/seeded-ids.ts';
import { refund } from '../flows/refund.ts';
import { settle } from '../flows/settle.ts';
import type { JobStatus } from '../job/job.ts';
import { jobLimits } from '../limits.ts';
import { fullJob, sampleJob, sampleLedgerEntry, sampleNowMs, sampleShare, sampleWarmup } from '../samples.ts';
import { balanceOf, ledgerEntryOf, ledgerEntrySchema, refundEntryOf } from './ledger.ts';

const done = { kind: 'done' } as const;

describe('ledgerEntryOf', () => {
  it('writes down what a finished job used and cost', () => {
    const job = fullJob({ status: 'succeeded', place: done, costUsdMicros: 321 });

    expect(ledgerEntryOf(job)).toEqual({
      tenantId: job.tenantId,
      month: '203003',
      jobId: job.jobId,
      kind: 'charge',
      keyId: job.keyId,
      model: job.model,
      pool: 'demo',
      workerId: 'worker-1',
      class: 'interactive',
      outcome: 'succeeded',
      tag: null,
      gpuMs: 812,
      images: 2,
      weightedImages: 2.25,
      inputTokens: 41,
      outputTokens: 7,
      bytesStored: 12_350,
      retentionMs: 7 * 24 * 60 * 60 * 1000,
      usdMicros: 321,
      parts: { compute: 321 },
      reservedUsdMicros: job.reservedUsdMicros,
      admittedAtMs: sampleNowMs,
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

  it('counts the files of a cached result with the job that made them, and not again', () => {
    const { receipt } = fullJob();
    if (receipt === null) throw new Error('a full job has a receipt');
    const cachedFrom = 'job_00000000000000000000000002';
    const job = fullJob({ status: 'succeeded', place: done, receipt: { ...receipt, cachedFrom } });

    expect(ledgerEntryOf(job)).toMatchObject({ bytesStored: 0 });
  });

  it('carries the tag of the job’s metadata, and no other label', () => {
    const job = fullJob({ status: 'succeeded', place: done, metadata: { tag: 'spring', order: '17' } });

    expect(ledgerEntryOf(job)).toMatchObject({ tag: 'spring' });
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

describe('ledgerEntrySchema', () => {
  it('reads an entry from before kinds, tags and parts as the charge it was', () => {
    const {
      kind,
      class: _class,
      tag,
      pool,
      workerId,
      bytesStored,
      retentionMs,
      parts,
      admittedAtMs,
      ...old
    } = sampleLedgerEntry();

    expect(ledgerEntrySchema.parse(old)).toEqual({
      ...old,
      kind,
      class: 'interactive',
      tag,
      pool: null,
      workerId: null,
      bytesStored: 0,
      retentionMs: jobLimits.keptMs,
      parts,
      admittedAtMs: old.atMs,
    });
  });

  it('refuses a charge below zero, a refund above it, and parts that do not add up', () => {
    const charge = sampleLedgerEntry();

    expect(ledgerEntrySchema.safeParse({ ...charge, usdMicros: -1, parts: { compute: -1 } }).success).toBe(
      false,
    );
    expect(ledgerEntrySchema.safeParse({ ...charge, kind: 'refund' }).success).toBe(false);
    expect(ledgerEntrySchema.safeParse({ ...charge, parts: { compute: 320 } }).success).toBe(false);
  });

  it('reads a share as it is, and refuses one below zero or whose parts do not add up', () => {
    const share = sampleShare();

    expect(ledgerEntrySchema.parse(share)).toEqual(share);
    expect(ledgerEntrySchema.safeParse({ ...share, usdMicros: 71 }).success).toBe(false);
    const negative = { ...share, usdMicros: -5, parts: { coldStart: -5, idle: 0 } };
    expect(ledgerEntrySchema.safeParse(negative).success).toBe(false);
  });
});

describe('ledgerEntrySchema, of a warm-up', () => {
  it('reads it as it is, and refuses one below zero or one that was not kept and costs something', () => {
    const warmup = sampleWarmup();

    expect(ledgerEntrySchema.parse(warmup)).toEqual(warmup);
    expect(ledgerEntrySchema.safeParse({ ...warmup, usdMicros: -1 }).success).toBe(false);
    expect(ledgerEntrySchema.safeParse({ ...warmup, outcome: 'not_kept' }).success).toBe(false);
    expect(ledgerEntrySchema.safeParse({ ...warmup, outcome: 'not_kept', usdMicros: 0 }).success).toBe(true);
  });

  it('is part of the balance', () => {
    expect(balanceOf([sampleLedgerEntry(), sampleWarmup(), sampleShare()])).toBe(321 + 87_667 + 70);
  });
});

describe('refundEntryOf', () => {
  it('refuses to give back more than the charge, less than nothing, or of a refund', () => {
    const charge = sampleLedgerEntry();

    expect(() => refundEntryOf(charge, 322, 0)).toThrow();
    expect(() => refundEntryOf(charge, -1, 0)).toThrow();
    expect(() => refundEntryOf(refundEntryOf(charge, 1, 0), 0, 0)).toThrow();
  });
});

describe('the balance', () => {
  const move = fc.record({
    job: fc.nat({ max: 4 }),
    costUsdMicros: fc.nat({ max: 1_000 }),
    refund: fc.boolean(),
    usdMicros: fc.oneof(fc.constant(null), fc.nat({ max: 1_200 })),
  });

  it('is the sum of the entries over 10,000 histories: never below zero, every job given back at most once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 16 }), async (moves) => {
        const clock = createManualClock(sampleNowMs);
        const gates = createMemoryGates({ clock });
        gates.createGate('tenant-a', 'active');
        const kept = { ledger: createMemoryLedger(), gates, jobs: createMemoryJobs({ clock }) };
        const told = { endpoints: createMemoryEndpoints(), deliveries: createMemoryDeliveries({ clock }) };
        const ports = { clock, ids: createSeededIds(1), ...kept, ...told };
        const charged = new Map<string, number>();
        const refunded = new Map<string, number>();
        for (const { job, costUsdMicros, refund: isRefund, usdMicros } of moves) {
          const jobId = `job_${job}`;
          if (isRefund) {
            const outcome = await refund(ports, { tenantId: 'tenant-a', jobId, usdMicros, reason: 'late' });
            if (outcome.kind === 'refunded') {
              expect(refunded.has(jobId)).toBe(false);
              refunded.set(jobId, usdMicros ?? charged.get(jobId) ?? 0);
            }
          } else {
            await settle(ports, sampleJob({ jobId, status: 'succeeded', place: done, costUsdMicros }));
            if (!charged.has(jobId)) charged.set(jobId, costUsdMicros);
          }
          const { items } = await ports.ledger.list('tenant-a', '203003');
          expect(balanceOf(items)).toBe(total(charged) - total(refunded));
          expect(balanceOf(items)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);
});

function total(amounts: ReadonlyMap<string, number>): number {
  return [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
}

describe('sampleLedgerEntry', () => {
  it('is valid', () => {
    expect(ledgerEntrySchema.parse(sampleLedgerEntry())).toEqual(sampleLedgerEntry());
  });
});
