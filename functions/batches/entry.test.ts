import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBatch } from '#core/flows/batches.ts';
import { storeFile } from '#core/flows/store-file.ts';
import { batchRunLimits, imageLimits } from '#core/limits.ts';
import { submission, worldPool } from '#sim/memory/flow-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';
import { lastStepMs } from './handler.ts';

let scene: EntryScene;
let handler: (event: unknown, context: { getRemainingTimeInMillis(): number }) => Promise<void>;

/** A function that has so long for its work, beside its last step. */
const within = (ms: number) => ({ getRemainingTimeInMillis: () => lastStepMs + ms });

beforeAll(async () => {
  scene = await createEntryScene({
    PILOTLIGHT_SCALER_FUNCTION: 'scaler',
    PILOTLIGHT_EGRESS_FUNCTION: 'egress',
  });
  ({ handler } = await import('./entry.ts'));
});

afterAll(() => scene.close());

describe('the function of batches', () => {
  it('makes jobs of the lines of a file', async () => {
    const { ports, tenant } = scene;
    const { model, input } = submission(tenant);
    const line = { custom_id: 'one', method: 'POST', url: '/v1/jobs', body: { model, input } };
    const body = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    const stored = await storeFile(
      ports,
      { tenant, purpose: 'batch', filename: 'lines.jsonl', keptMs: null },
      body,
    );
    if (stored.kind !== 'stored') throw new Error(`it is ${stored.kind}`);
    const asked = {
      tenant,
      key: { keyId: 'key00001', models: null },
      idempotencyKey: null,
      endpoint: '/v1/jobs',
      metadata: {},
    };
    const created = await createBatch(ports, { ...asked, inputFileId: stored.file.fileId });
    if (created.kind !== 'created') throw new Error(`it is ${created.kind}`);

    await handler({}, within(3_000));

    const { batchId } = created.batch;
    expect(await ports.batches.get(tenant.tenantId, batchId)).toMatchObject({
      status: 'in_progress',
      total: 1,
    });
    expect(await ports.jobs.count(worldPool)).toEqual({ waiting: 1, leased: 0 });
  });

  it('has time for the line that each batch is at, and to put down what ended, when its time is up', () => {
    // Its pictures come through another function, which has to start.
    const lineMs = 2 * imageLimits.fetchMs;

    expect(batchRunLimits.turnMs + lineMs).toBeLessThan(lastStepMs);
  });

  it('ends at once where no batch is at work', async () => {
    const page = await scene.ports.batches.atWork();
    for (const batch of page.items)
      await scene.ports.batches.put({
        ...batch,
        status: 'failed',
        isAnnounced: true,
        version: batch.version + 1,
      });

    // Without a bound of its own this would go on for an hour.
    await handler({}, within(60 * 60_000));

    expect((await scene.ports.batches.atWork()).items).toEqual([]);
  });
});
