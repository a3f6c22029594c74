/**
 * Dropped files, in a part of the worlds with batches: a tenant puts one into the store, and whoever takes it is told of it once or
 * often, until it has answered. When all is at rest each has become one batch, and beside it lies what that batch came to.
 */
import { bucketOf } from '#core/admission/stored-bytes.ts';
import type { BatchRecord } from '#core/batch/batch.ts';
import { besideDrop } from '#core/batch/drop.ts';
import type { FileRecord } from '#core/batch/file.ts';
import { pathOfFile } from '#core/batch/file.ts';
import { takeDrop } from '#core/flows/take-drop.ts';
import type { Files } from '#core/ports/batches.ts';
import type { Random } from '../random.ts';
import { createRandom, exponentialMs } from '../random.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { oneOf } from './scenario.ts';
import type { World } from './world.ts';

/** Of the worlds that have batches. */
const share = 0.75;
const salt = 0xd209;
/** What was not answered comes back after so long. */
const againMs = 30_000;

export interface DropHistory {
  /** Names by tenant. */
  readonly dropped: { readonly tenantId: string; readonly name: string }[];
  /** As files of batches. */
  readonly kept: FileRecord[];
  /** Messages that nobody has answered yet. */
  open: number;
}

export function createDropHistory(): DropHistory {
  return { dropped: [], kept: [], open: 0 };
}

/** Null where nothing is dropped. */
export function dropChance(seed: number): Random | null {
  const random = createRandom(seed ^ salt);
  return random() < share ? random : null;
}

/** @param text the lines of the file */
export function dropFile(world: World, random: Random, tenantId: string, text: string): void {
  const { history, stores, ids } = world;
  const name = `${ids.nonce()}.jsonl`;
  stores.drops.drop(tenantId, name, Buffer.from(text));
  history.drops.dropped.push({ tenantId, name });
  const times = oneOf(random, [1, 2, 3]);
  for (let told = 0; told < times; told += 1) void tellUntilTaken(world, random, tenantId, name);
}

async function tellUntilTaken(world: World, random: Random, tenantId: string, name: string): Promise<void> {
  const { history, loop, ids } = world;
  history.drops.open += 1;
  await loop.clock.sleep(exponentialMs(random, againMs / 10));
  for (;;) {
    const { process, ports } = world.api('drop');
    const served = await process.serve(() =>
      takeDrop({ ...ports, clock: process.clock, ids }, { tenantId, name }),
    );
    if (served.kind === 'answered') break;
    await loop.clock.sleep(againMs);
  }
  history.drops.open -= 1;
}

/** What was kept of a tenant's dropped files, and with which midnight each goes. */
export function droppedBytes(
  { history }: Pick<World, 'history'>,
  tenantId: string,
): readonly { readonly day: string; readonly bytes: number }[] {
  return history.drops.kept
    .filter((file) => file.tenantId === tenantId)
    .map(({ expiresAtMs, bytes }) => ({ day: String(bucketOf(expiresAtMs)), bytes }));
}

/** Notes the files that are kept of dropped ones: later some are past their retention. */
export function watchFiles(files: Files, { drops }: History): Files {
  return {
    ...files,
    async create(file) {
      const outcome = await files.create(file);
      const isDropped = drops.dropped.some(({ name }) => name === file.filename);
      if (outcome === 'created' && isDropped) drops.kept.push(file);
      return outcome;
    },
  };
}

export async function checkDrops(world: World): Promise<void> {
  const { history, stores, scenario } = world;
  // Days later some are past their retention.
  if (scenario.sequel !== null) return;
  for (const { tenantId, name } of history.drops.dropped) {
    const { items } = await stores.batches.list(tenantId, { limit: 100 });
    const made = items.filter(({ dropName }) => dropName === name);
    const status = textOf(stores.drops.left(tenantId, besideDrop(name).status));
    const told = status === null ? null : JSON.parse(status);
    const [batch] = made;
    if (batch === undefined && told?.status === 'refused') continue;
    if (batch === undefined || made.length > 1)
      violate(history, 'I1', `the dropped file ${name} has ${made.length} batches`);
    else await checkBeside(world, batch, told);
  }
}

async function checkBeside({ history, stores }: World, batch: BatchRecord, told: unknown): Promise<void> {
  const { tenantId, dropName, status, outputFileId, errorFileId } = batch;
  const beside = besideDrop(dropName ?? '');
  if (Object(told).status !== status)
    violate(history, 'I6', `${batch.batchId} is ${status}, and told to be ${Object(told).status}`);
  for (const [fileId, name] of [
    [outputFileId, beside.output],
    [errorFileId, beside.errors],
  ] as const) {
    const file = fileId === null ? null : textOf(await stores.blobs.get(tenantId, pathOfFile(fileId)));
    if (textOf(stores.drops.left(tenantId, name)) !== file)
      violate(history, 'I6', `${name} is not what ${batch.batchId} came to`);
  }
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}
