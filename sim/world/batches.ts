/**
 * Batches in a share of the worlds: tenants bring files with good and bad lines, some cancel, and two processes work at them
 * while everything may fail. Drawn by chance of their own, so that a world without them is the world that it was.
 *
 * The checks know the promise and nothing of the code: when all is at rest every batch has ended, every line of one that was
 * begun has exactly one result, and what a line's job came to is what the line says.
 */
import type { BatchRecord } from '#core/batch/batch.ts';
import { isEnded } from '#core/batch/batch.ts';
import { pathOfFile } from '#core/batch/file.ts';
import { sortedId } from '#core/canonical.ts';
import type { BatchDesk } from '#core/flows/batch-desk.ts';
import { createBatchDesk } from '#core/flows/batch-desk.ts';
import { cancelBatch, createBatch } from '#core/flows/batches.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { runBatches } from '#core/flows/run-batches.ts';
import { resultsIn } from '../memory/batch-world.ts';
import type { Random } from '../random.ts';
import { createRandom, exponentialMs } from '../random.ts';
import { dropChance, dropFile } from './drops.ts';
import { violate } from './history.ts';
import type { Process } from './process.ts';
import { oneOf } from './scenario.ts';
import type { Ground, Running, World } from './world.ts';

/** One world in eight. */
const share = 0.125;
const salt = 0xba7c4;
const linesMax = 9;
/** Of dropped files: nothing in them is a line, so they are refused. */
const noLinesShare = 0.25;
const triesMax = 3;
/** Seldomer than the product: most of a world's time nothing happens, and each look costs the run. */
const lookEveryMs = 6_000;
const patienceMs = 30_000;
/** A tenant gives up on what has not ended so long after everything works again: some limits clear at midnight. */
export const afterHealMs = 5 * 60_000;

/** Null in a world without batches. */
export function batchChance(seed: number): Random | null {
  const random = createRandom(seed ^ salt);
  return random() < share ? random : null;
}

/** The processes that work at batches: each looks every few seconds, and knows nothing when it is new. */
export function startBatchers(ground: Ground, places: readonly (() => Running)[]): void {
  const { loop, random, lookPace } = ground;
  const desks = new WeakMap<Process, BatchDesk>();
  for (const place of places) {
    const repeat = () => {
      loop.after(lookEveryMs * lookPace() * (0.9 + 0.2 * random()), () => {
        const running = place();
        const desk = desks.get(running.process) ?? createBatchDesk();
        desks.set(running.process, desk);
        void running.process.serve(() => runBatches(portsOf(ground, running), desk)).then(repeat, repeat);
      });
    };
    repeat();
  }
}

function portsOf({ catalog, ids, log }: Ground, { process, ports }: Running) {
  const { clock } = process;
  return { ...ports, catalog, clock, ids, log, outlooks: createOutlooks({ ...ports, catalog, clock }) };
}

/** Brings one or two batches, beside whatever else clients do. */
export async function bringBatches(world: World): Promise<void> {
  const random = batchChance(world.scenario.seed);
  if (random === null) return;
  const count = oneOf(random, [1, 2]);
  for (let made = 0; made < count; made += 1) {
    await world.loop.clock.sleep(exponentialMs(random, patienceMs));
    void bringOne(world, random);
  }
  const drop = dropChance(world.scenario.seed);
  if (drop === null) return;
  await world.loop.clock.sleep(exponentialMs(drop, patienceMs));
  const { tenants } = world.scenario;
  const tenantId = tenants[Math.floor(drop() * tenants.length)]?.tenantId ?? '';
  const lines = drop() < noLinesShare ? 'not a line\n' : drawLines(world, drop, tenantId, world.ids.nonce());
  dropFile(world, drop, tenantId, lines);
}

async function bringOne(world: World, random: Random): Promise<void> {
  const { tenants } = world.scenario;
  const tenantId = tenants[Math.floor(random() * tenants.length)]?.tenantId ?? '';
  const fileId = await bringFile(world, random, tenantId);
  for (let tries = 0; tries < triesMax; tries += 1) {
    // Under one key: a try that got no answer may have made the batch all the same.
    const batch = await tryCreate(world, tenantId, fileId);
    if (batch === null) continue;
    world.history.batches.add(batch.batchId);
    if (random() < 0.3) await cancelLater(world, random, batch);
    return;
  }
}

/** Before the batch is asked for, without faults: what routes do is no part of a world. */
async function bringFile(world: World, random: Random, tenantId: string): Promise<string> {
  const { stores, loop, ids } = world;
  const nowMs = loop.clock.nowMs();
  const fileId = sortedId('file', nowMs, ids.next('file'));
  const body = Buffer.from(drawLines(world, random, tenantId, fileId));
  await stores.blobs.put(tenantId, pathOfFile(fileId), body, 'application/jsonl');
  await stores.files.create({
    tenantId,
    fileId,
    purpose: 'batch',
    filename: 'lines.jsonl',
    bytes: body.byteLength,
    isStored: true,
    createdAtMs: nowMs,
    expiresAtMs: Math.ceil((nowMs + 30 * 24 * 60 * 60_000) / 1000) * 1000,
  });
  return fileId;
}

/** @param of begins the name of each */
function drawLines({ history }: World, random: Random, tenantId: string, of: string): string {
  const lines = Array.from({ length: 1 + Math.floor(random() * linesMax) }, (_, index) => {
    const op = `${of}-${index}`;
    const prompt = `canary-${tenantId}-${op}`;
    history.canaries.add(prompt);
    return drawLine(random, op, prompt);
  });
  return `${lines.join('\n')}\n`;
}

function drawLine(random: Random, op: string, prompt: string): string {
  if (random() < 0.1) return 'not a line';
  const input = {
    prompt,
    steps: oneOf(random, [1, 2]),
    step_ms: oneOf(random, [100, 1_000, 8_000]),
    ...(random() < 0.12 ? { fault: oneOf(random, ['oom', 'error', 'nan', 'crash']) } : {}),
  };
  const body = { model: oneOf(random, ['image', 'image:stable', 'image-alone']), input, metadata: { op } };
  return JSON.stringify({ custom_id: op, method: 'POST', url: '/v1/jobs', body });
}

async function tryCreate(world: World, tenantId: string, inputFileId: string): Promise<BatchRecord | null> {
  const { process, ports } = world.api('batch');
  const { ids } = world;
  const served = await process.serve(async () => {
    const tenant = await ports.tenants.get(tenantId);
    if (tenant === null) throw new Error('the scene has every tenant');
    const key = { keyId: 'key00001', models: null };
    const ask = { tenant, key, inputFileId, endpoint: '/v1/jobs', metadata: {}, idempotencyKey: inputFileId };
    return createBatch({ ...ports, clock: process.clock, ids }, ask);
  });
  return served.kind === 'answered' && 'batch' in served.value ? served.value.batch : null;
}

async function cancelLater(world: World, random: Random, { tenantId, batchId }: BatchRecord): Promise<void> {
  await world.loop.clock.sleep(exponentialMs(random, patienceMs));
  const { process, ports } = world.api('batch');
  await process.serve(() => cancelBatch({ ...ports, clock: process.clock }, tenantId, batchId));
}

/** Whether there is nothing left to do for any batch. */
export async function areBatchesAtRest({ history, stores }: World): Promise<boolean> {
  return history.drops.open === 0 && (await stores.batches.atWork()).items.length === 0;
}

/** Tenants give up on what is still open, without faults. */
export async function endBatches({ stores, loop }: World): Promise<void> {
  for (const { tenantId, batchId } of (await stores.batches.atWork()).items) {
    await cancelBatch({ ...stores, clock: loop.clock }, tenantId, batchId);
  }
}

/** Of every batch that there is, also of those whose clients never heard of them. */
export async function checkBatches(world: World): Promise<void> {
  const { history, stores, scenario } = world;
  const found = new Set<string>();
  for (const { tenantId } of scenario.tenants) {
    const { items } = await stores.batches.list(tenantId, { limit: 100 });
    if (new Set(items.map(({ inputFileId }) => inputFileId)).size !== items.length)
      violate(history, 'I1', `a key of ${tenantId} made two batches`);
    for (const batch of items) {
      found.add(batch.batchId);
      await checkBatch(world, batch);
    }
  }
  // Days later some are past their retention.
  if (scenario.sequel !== null) return;
  for (const batchId of history.batches) {
    if (!found.has(batchId)) violate(history, 'I1', `${batchId} was accepted and is gone`);
  }
}

async function checkBatch(world: World, batch: BatchRecord): Promise<void> {
  const { history, stores } = world;
  const { tenantId, batchId, status } = batch;
  if (!isEnded(batch)) return violate(history, 'I10', `${batchId} never ended: ${status}`);
  const file = await stores.blobs.get(tenantId, pathOfFile(batch.inputFileId));
  const lines = Buffer.from(file ?? [])
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  const outputs = await resultsIn(stores, tenantId, batch.outputFileId);
  const errors = await resultsIn(stores, tenantId, batch.errorFileId);
  const wasBegun = batch.startedAtMs !== null;
  const results = [...outputs, ...errors];
  if (
    results.length !== (wasBegun ? lines.length : 0) ||
    new Set(results.map(({ id }) => id)).size !== results.length
  )
    violate(history, 'I6', `${batchId} has ${results.length} results of ${lines.length} lines`);
  const succeeded = new Set(outputs.map(({ custom_id }) => custom_id));
  for (const line of lines) {
    const op = opOf(line);
    const jobs = [...history.stored.values()].filter(
      ({ metadata, retryOf }) => op !== null && metadata.op === op && retryOf === null,
    );
    if (jobs.length > 1) violate(history, 'I1', `the line ${op} of ${batchId} has ${jobs.length} jobs`);
    const [job] = jobs;
    if ((job?.status === 'succeeded') !== succeeded.has(op))
      violate(history, 'I6', `the line ${op} of ${batchId} is told otherwise than its job, ${job?.status}`);
  }
  for (const { response, custom_id } of outputs) {
    if (response?.body.input.prompt !== `canary-${tenantId}-${custom_id}`)
      violate(history, 'I9', `the line ${custom_id} of ${batchId} has the result of another`);
  }
}

function opOf(line: string): string | null {
  return line.startsWith('{') ? String(JSON.parse(line).custom_id) : null;
}
