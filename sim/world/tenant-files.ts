/**
 * Files that tenants of a share of the worlds bring, with a request or by a link that is announced and that nobody follows, and
 * remove again, once or twice at once. Drawn by chance of their own, as adapters are.
 *
 * The check knows the promise and nothing of the code: what is there is whole and counted until the day on which it goes, to the
 * byte; what was removed is neither. Files take whole units of bytes, and all else of a tenant takes less than half of one: so
 * one sum tells both.
 */
import { bucketOf } from '#core/admission/stored-bytes.ts';
import type { FileRecord } from '#core/batch/file.ts';
import { pathOf } from '#core/batch/file.ts';
import { digest } from '#core/canonical.ts';
import { announceFile, removeFile } from '#core/flows/files.ts';
import { storeFile } from '#core/flows/store-file.ts';
import type { NewFile } from '#core/flows/stored-file.ts';
import type { Files } from '#core/ports/batches.ts';
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { nowAndThen } from './now-and-then.ts';
import { oneOf } from './scenario.ts';
import type { World } from './world.ts';

const share = 0.1;
const everyMsMean = 10_000;
/** Of a tenant: an outage may last for half an hour. */
const operationsMax = 8;
/** Of the operations, and of those the ones that a client who clicks twice asks for. */
const removeShare = 0.4;
const twoShare = 0.3;
const triesMax = 3;
const unitBytes = 1_000_000;
/** Of every file that comes with its request. */
const body = new Uint8Array(unitBytes);
const announced = digest('a file that never comes');
const day = 24 * 60 * 60_000;

/** A file as its tenant means to bring it, once. */
interface BroughtFile {
  readonly tenantId: string;
  readonly filename: string;
  readonly units: number;
  isAnswered: boolean;
}

export interface FileHistory {
  readonly brought: BroughtFile[];
  /** Records that came to be of those, by id. */
  readonly kept: Map<string, FileRecord>;
  /** Those that somebody tried to remove, by id. */
  readonly asked: Set<string>;
  /** Those whose record went. */
  readonly removed: Set<string>;
}

export function createFileHistory(): FileHistory {
  return { brought: [], kept: new Map(), asked: new Set(), removed: new Set() };
}

/** Null in a world where nobody brings files. */
export function fileChance(seed: number): Random | null {
  const random = createRandom(seed + 0xf11e);
  return random() < share ? random : null;
}

/** What one tenant does with files beside its other work, while things fail. */
export async function runFiles(
  world: World,
  tenantId: string,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  await nowAndThen(world.loop, { random, everyMsMean, times: operationsMax, isOver }, () => {
    if (random() < removeShare) void removeOne(world, tenantId, random);
    else void bring(world, tenantId, random);
  });
}

/** Once: whoever got no answer brings another file some time. */
async function bring(world: World, tenantId: string, random: Random): Promise<void> {
  const { history, ids } = world;
  const isAnnounced = random() < 0.5;
  const units = isAnnounced ? oneOf(random, [1, 2, 3]) : 1;
  const brought: BroughtFile = { tenantId, filename: `brought-${ids.nonce()}`, units, isAnswered: false };
  const asked: Omit<NewFile, 'tenant'> = {
    purpose: oneOf(random, ['batch', 'vision']),
    filename: brought.filename,
    keptMs: oneOf(random, [null, day, 4 * day]),
  };
  history.files.brought.push(brought);
  const { process, ports } = world.api('file');
  const { clock } = process;
  const served = await process.serve(async () => {
    const tenant = await ports.tenants.get(tenantId);
    if (tenant === null) throw new Error('the scene has every tenant');
    const its = { ...ports, clock, ids };
    return isAnnounced
      ? announceFile(its, { ...asked, tenant }, { bytes: units * unitBytes, sha256: announced })
      : storeFile(its, { ...asked, tenant }, body);
  });
  brought.isAnswered = served.kind === 'answered';
}

async function removeOne(world: World, tenantId: string, random: Random): Promise<void> {
  const own = filesOf(world.history, tenantId);
  const file = own[Math.floor(random() * own.length)];
  if (file === undefined) return;
  const atOnce = random() < twoShare ? 2 : 1;
  await Promise.all(Array.from({ length: atOnce }, () => removeUntilAnswered(world, file)));
}

async function removeUntilAnswered(world: World, { tenantId, fileId }: FileRecord): Promise<void> {
  const { history, ids, loop } = world;
  history.files.asked.add(fileId);
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { process, ports } = world.api('file');
    const served = await process.serve(() =>
      removeFile({ ...ports, clock: process.clock, ids }, tenantId, fileId),
    );
    if (served.kind === 'answered') return;
    await loop.clock.sleep(500 * 2 ** tries);
  }
}

/** Files of the tenant that are there. */
function filesOf({ files: { kept, removed } }: History, tenantId: string): FileRecord[] {
  return [...kept.values()].filter((file) => file.tenantId === tenantId && !removed.has(file.fileId));
}

/** Notes the records of the files that come to be, and those that go. */
export function watchBrought(files: Files, { files: { brought, kept, removed } }: History): Files {
  return {
    ...files,
    async create(file) {
      const outcome = await files.create(file);
      const isBrought = brought.some(({ filename }) => filename === file.filename);
      if (outcome === 'created' && isBrought) kept.set(file.fileId, file);
      return outcome;
    },
    async remove(tenantId, fileId) {
      const outcome = await files.remove(tenantId, fileId);
      if (outcome === 'removed') removed.add(fileId);
      return outcome;
    },
  };
}

/** What the tenant's files take that nobody tried to remove and that go no earlier than this. */
export function fileBytes(history: History, tenantId: string, nowMs: number): number {
  const { asked } = history.files;
  return filesOf(history, tenantId)
    .filter(({ fileId, expiresAtMs }) => !asked.has(fileId) && Number(bucketOf(expiresAtMs)) * day > nowMs)
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What is counted by day, told apart: units of files, and the bytes of all else. */
export function splitStored(stored: Readonly<Record<string, number>>): {
  readonly units: ReadonlyMap<string, number>;
  readonly rest: Readonly<Record<string, number>>;
} {
  const days = Object.entries(stored).map(([bucket, bytes]) => ({
    bucket,
    bytes,
    units: Math.round(bytes / unitBytes),
  }));
  return {
    units: new Map(days.map(({ bucket, units }) => [bucket, units])),
    rest: Object.fromEntries(days.map(({ bucket, bytes, units }) => [bucket, bytes - units * unitBytes])),
  };
}

/**
 * I5 at rest: each file that is there is counted with its day, and nothing else is, but perhaps some whose request died between
 * the count and the record: those are counted until they would have gone.
 */
export function checkFiles(
  history: History,
  tenantId: string,
  counted: ReadonlyMap<string, number>,
  isForgotten: (bucket: string) => boolean,
): void {
  const { files } = history;
  const all = [...files.kept.values()].filter((file) => file.tenantId === tenantId);
  const there = filesOf(history, tenantId);
  const left = new Map(counted);
  for (const { expiresAtMs, bytes } of there) {
    const bucket = bucketOf(expiresAtMs);
    if (!isForgotten(bucket)) left.set(bucket, (left.get(bucket) ?? 0) - bytes / unitBytes);
  }
  const names = new Set(all.map(({ filename }) => filename));
  const unsure = files.brought
    .filter((each) => each.tenantId === tenantId && !each.isAnswered && !names.has(each.filename))
    .reduce((sum, { units }) => sum + units, 0);
  const more = [...left.values()];
  if (more.some((units) => units < 0) || more.reduce((sum, units) => sum + units, 0) > unsure)
    violate(
      history,
      'I5',
      `${tenantId} has ${there.length} files, ${unsure} units may be counted beside them, and ${JSON.stringify([...left])} are`,
    );
}

/** I6 at rest: what came with its request and nobody tried to remove is there, and of what was removed there are no bytes left. */
export async function checkFileBytes({ history, stores }: World): Promise<void> {
  const { kept, asked, removed } = history.files;
  for (const file of kept.values()) {
    const isThere = (await stores.blobs.get(file.tenantId, pathOf(file))) !== null;
    if (isThere && removed.has(file.fileId))
      violate(history, 'I6', `${file.fileId} of ${file.tenantId} was removed, and its bytes are there`);
    if (!isThere && file.isStored && !asked.has(file.fileId))
      violate(history, 'I6', `${file.fileId} of ${file.tenantId} was brought and is not there`);
  }
}
