/**
 * Cursors that hold anything, given to every list of the API over the embedded store: a page of the tenant's own, or
 * `invalid_request`. The store itself refuses some starts of a query, which must not come out as a fault of ours.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '#core/errors.ts';
import {
  sampleAlias,
  sampleJob,
  sampleKey,
  sampleLedgerEntry,
  sampleNowMs,
  samplePlan,
  sampleTenant,
} from '#core/samples.ts';
import type { Emulators } from '#local/emulators.ts';
import { startEmulators } from '#local/emulators.ts';
import { budget } from '#sim/fuzz-budget.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import type { AwsPorts } from './aws-ports.ts';
import { createAwsPorts } from './aws-ports.ts';
import { encodeCursor, keysLine, ledgerPartition } from './keys.ts';

let dataDir: string;
let emulators: Emulators;
let ports: AwsPorts;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'pilotlight-cursors-'));
  emulators = await startEmulators({ dataDir, pools: [] });
  ports = createAwsPorts(emulators.config, { clock: createManualClock(sampleNowMs) });
  for (const tenantId of ['tenant-a', 'tenant-b']) {
    await ports.tenants.create(sampleTenant({ tenantId }));
    await ports.keys.create(sampleKey({ tenantId, keyId: `key-${tenantId}` }));
    await ports.ledger.append(sampleLedgerEntry({ tenantId }));
    for (const index of [1, 2, 3]) {
      const jobId = `job_${tenantId.slice(-1)}000000000000000000000000${index}`;
      await ports.jobs.create(sampleJob({ tenantId, jobId, createdAtMs: sampleNowMs + index }));
    }
  }
  await ports.plans.put(samplePlan());
  await ports.aliases.put(sampleAlias());
});

afterAll(async () => {
  ports.close();
  await emulators.close();
  rmSync(dataDir, { recursive: true });
});

const id = fc.oneof(
  fc.constantFrom(
    '..',
    '',
    'a',
    'tenant-a',
    'tenant-b',
    'key-tenant-b',
    'job_b0000000000000000000000001',
    'demo-image:stable',
    'T#tenant-b',
    'x'.repeat(3_000),
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const number = fc.oneof(
  fc.constantFrom(
    -1,
    0,
    1,
    sampleNowMs,
    sampleNowMs + 2,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    0.5,
    1e300,
  ),
  fc.maxSafeInteger(),
);
const position = fc.oneof(
  fc.record({ jobId: id, created: number }),
  fc.record({ id, tag: number }),
  fc.record({ jobId: id, kind: fc.constantFrom('charge', 'refund', 'share') }),
  fc.record({ pool: id }),
);

/** Every list of the API with the scope of its cursors. */
const lists = [
  ['tenants', (cursor: string) => ports.tenants.list(cursor)],
  ['plans', (cursor: string) => ports.plans.list(cursor)],
  ['aliases', (cursor: string) => ports.aliases.list(cursor)],
  [keysLine('tenant-a'), (cursor: string) => ports.keys.list('tenant-a', cursor)],
  [
    ledgerPartition('tenant-a', '203003'),
    (cursor: string) => ports.ledger.list('tenant-a', '203003', cursor),
  ],
  ['jobs:tenant-a', (cursor: string) => ports.jobs.list('tenant-a', { limit: 2, cursor })],
  [
    'jobs:tenant-a',
    (cursor: string) => ports.jobs.list('tenant-a', { limit: 2, cursor, createdAfterMs: sampleNowMs + 1 }),
  ],
] as const;

describe('a forged cursor', () => {
  it("gives a page of the caller's own list or is refused as not valid, never a fault", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lists), position, async ([scope, list], at) => {
        try {
          const page = await list(encodeCursor(scope, at));

          if (scope.includes('tenant-a')) expect(JSON.stringify(page.items)).not.toContain('tenant-b');
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(error.code).toBe('invalid_request');
        }
      }),
      budget(400),
    );
  });

  it('that came from the same list without `created_after` is refused where it starts outside', async () => {
    const { cursor } = await ports.jobs.list('tenant-a', { limit: 2 });
    if (cursor === null) throw new Error('there is a third job');

    const later = ports.jobs.list('tenant-a', { limit: 2, cursor, createdAfterMs: sampleNowMs + 2 });

    await expect(later).rejects.toMatchObject({ code: 'invalid_request' });
    expect((await ports.jobs.list('tenant-a', { limit: 2, cursor })).items).toHaveLength(1);
  });
});
