/** Batches whose lines name pictures that never come, beside those of other tenants. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBatchWorld, lineOf } from '#sim/memory/batch-world.ts';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
import { isAtWork } from '../batch/batch.ts';
import type { OutboundAnswer } from '../egress/outbound.ts';
import { batchRunLimits, imageLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import { createBatchDesk } from './batch-desk.ts';
import { runBatchesUntil } from './run-batches.ts';

const url = 'https://silent.example/a.png';
const silence: OutboundAnswer = { kind: 'failed', reason: 'timeout', detail: 'ETIMEDOUT' };

function slowLine(id: string): string {
  const image = { type: 'image_url', image_url: { url } };
  const input = { messages: [{ role: 'user', content: [image] }] };
  return lineOf(id, {}, { body: { model: fakeChatManifest.id, input } });
}

const slowLines = (count: number) => Array.from({ length: count }, (_, index) => slowLine(`slow-${index}`));
const quickLines = (count: number) => Array.from({ length: count }, (_, index) => lineOf(`quick-${index}`));

/** The host of the pictures accepts a connection and says nothing. */
async function openWorld() {
  const world = await createBatchWorld({ manifests: [fakeManifest, fakeChatManifest] });
  world.outbound.listen(url, async () => {
    await world.clock.sleep(imageLimits.fetchMs);
    return silence;
  });
  return world;
}

type World = Awaited<ReturnType<typeof openWorld>>;

/** A process that works at batches until the test ends. */
function start(world: World): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = runBatchesUntil(world, stopping.signal);
  onTestFinished(() => stopping.abort());
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function passes(world: World, ms: number): Promise<void> {
  for (const endMs = world.clock.nowMs() + ms; world.clock.nowMs() < endMs; ) {
    await world.clock.advance(batchRunLimits.lookMs / 2);
    await world.work();
  }
}

describe('batches of slow pictures', () => {
  it.each([1, 2])('of %i tenants hold up no batch of another tenant', async (tenants) => {
    const world = await openWorld();
    for (const tenantId of ['tenant-s', 'tenant-t'].slice(0, tenants)) {
      const slow = sampleTenant({ tenantId });
      await world.tenants.create(slow);
      for (let count = 0; count < batchRunLimits.openBatchesMax; count += 1)
        await world.addBatch(slowLines(20), { tenant: slow });
    }
    start(world);
    await passes(world, 60_000);

    const young = await world.addBatch(quickLines(100));
    await passes(world, 4 * 60_000);

    const ended = await world.read(young);
    expect(ended).toMatchObject({ status: 'completed', outputs: { lines: 100 } });
    const turnMsMax = batchRunLimits.turnMs + imageLimits.fetchMs;
    const waitedMs = (ended.startedAtMs ?? Number.POSITIVE_INFINITY) - young.createdAtMs;
    expect(waitedMs).toBeLessThanOrEqual(turnMsMax + batchRunLimits.lookMs);
  });

  it('end line by line, with one wait for each', async () => {
    const world = await openWorld();
    const slow = await world.addBatch([...slowLines(5), ...quickLines(5)]);

    start(world);
    await passes(world, 3 * 60_000);

    const ended = await world.read(slow);
    expect(ended).toMatchObject({ status: 'completed', outputs: { lines: 5 }, faults: { lines: 5 } });
    expect(world.outbound.received).toHaveLength(5);
    const errors = await world.errors(ended);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['invalid_request']));
  });

  it('have put down what ended though the process is told to stop at their first line', async () => {
    const world = await openWorld();
    const slow = await world.addBatch(slowLines(20));
    const { stop } = start(world);
    await world.clock.advance(1);

    const stopped = stop();
    await world.clock.advance(imageLimits.fetchMs);
    await stopped;

    expect(world.outbound.received).toHaveLength(1);
    expect(await world.read(slow)).toMatchObject({ status: 'in_progress', faults: { lines: 1 } });
  });

  it('have no line submitted again whose fault is known and not put down yet', async () => {
    const world = await openWorld();
    world.outbound.listen(url, () => silence);
    // Too little of what is open to be put down at once.
    const batch = await world.addBatch([slowLine('slow'), ...quickLines(9)]);
    const desk = createBatchDesk();

    for (let rounds = 0; rounds < 3; rounds += 1) await world.round(world, desk);

    expect(isAtWork(await world.read(batch))).toBe(true);
    expect(world.outbound.received).toHaveLength(1);
  });
});
