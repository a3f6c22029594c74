/**
 * Brings the files of a list from the store to a folder: parts of several files at a time, each file hashed whole
 * before it takes its name. What was there stays; what broke off goes on. `.verified.json` says which files were found
 * to be what the list says, so that a start reads 20 GB once and not twice.
 */
import { readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import { weightLimits } from '#core/limits.ts';
import type { StoredFile, StoredRef, WeightFile, WeightStore } from '#core/models/weight-list.ts';
import type { Clock } from '#core/ports/process.ts';
import { replaceFile } from '../replace-file.ts';
import { hashFile, openPartialFile, partialNames } from './partial-file.ts';
import type { Slots } from './slots.ts';
import { createSlots } from './slots.ts';

export interface PullPorts {
  readonly clock: Clock;
  readonly store: WeightStore;
  /** In [0, 1): spreads retries. */
  readonly chance: () => number;
  /**
   * Bytes that may be written below a folder.
   * @default what its file system says
   */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export interface PullAsk {
  readonly model: string;
  readonly revision: string;
  readonly files: readonly WeightFile[];
  /** Absolute: the model's folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly partBytes?: number;
}

export interface PullProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface Pulled {
  /** Fetched by this call. */
  readonly bytes: number;
  readonly files: number;
}

interface Pull extends PullAsk {
  readonly ports: PullPorts;
  readonly slots: Slots;
  readonly verified: Verified;
  /** Counts bytes that have come to lie in the folder. */
  readonly onBytes: (bytes: number) => void;
}

/** Name of the note beside the weights. */
export const verifiedName = '.verified.json';

/**
 * Returns with every file there and right.
 * @throws StartError `weights_missing` (of the store, every file named), `weights_corrupt`, `weights_unreachable`,
 * `weights_no_room`; all before a byte is fetched, but for what shows only then
 */
export async function pullWeights(ports: PullPorts, ask: PullAsk): Promise<Pulled> {
  const verified = await openVerified(ask.folder);
  const missing = await missingFiles(ask, verified);
  if (missing.length === 0) return { bytes: 0, files: 0 };
  const stored = await lookAll(ports, ask, missing);
  await checkRoom(ports, ask, missing);

  const totalBytes = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  let doneBytes = 0;
  const failed = new AbortController();
  const pull: Pull = {
    ...ask,
    ports,
    verified,
    slots: createSlots(weightLimits.partsInFlight),
    signal: AbortSignal.any([ask.signal, failed.signal]),
    onBytes(bytes) {
      doneBytes += bytes;
      ask.onProgress?.({ doneBytes, totalBytes });
    },
  };
  const files = createSlots(weightLimits.filesInFlight);
  const pulls = missing.map((file, index) => files.run(() => pullFile(pull, file, stored[index])));
  for (const each of pulls) each.catch((error: unknown) => failed.abort(error));
  const outcomes = await Promise.allSettled(pulls);
  ask.signal.throwIfAborted();
  // The first fault is the cause of all the others.
  if (failed.signal.aborted) throw failed.signal.reason;
  const bytes = outcomes.reduce((sum, each) => sum + (each.status === 'fulfilled' ? each.value : 0), 0);
  return { bytes, files: outcomes.length };
}

/** Files that are not there, or are not what the list says. */
async function missingFiles({ files, folder, signal }: PullAsk, verified: Verified): Promise<WeightFile[]> {
  const missing: WeightFile[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    const path = join(folder, file.path);
    const isThere = (await sizeOf(path)) === file.bytes;
    if (isThere && (verified.has(file) || (await hashFile(path)) === file.sha256)) await verified.add(file);
    else missing.push(file);
  }
  return missing;
}

/** Told all at once, so that what is amiss in a bucket is mended once. */
async function lookAll(ports: PullPorts, ask: PullAsk, files: readonly WeightFile[]): Promise<StoredFile[]> {
  const slots = createSlots(weightLimits.partsInFlight);
  const found = await Promise.all(
    files.map((file) =>
      slots.run(() => persistently(ports, ask.signal, file.path, () => ports.store.look(refOf(ask, file)))),
    ),
  );
  const absent = files.filter((_, index) => found[index] === null).map(({ path }) => path);
  const name = `${ask.model}@${ask.revision}`;
  if (absent.length > 0)
    throw new StartError('weights_missing', `${name} lacks in the store: ${absent.join(', ')}`);
  const odd = files.filter((file, index) => found[index]?.bytes !== file.bytes).map(({ path }) => path);
  if (odd.length > 0)
    throw new StartError('weights_corrupt', `${name} has other lengths of ${odd.join(', ')}`);
  return found.filter((each) => each !== null);
}

/** What an earlier try left of a file takes no more room. */
async function checkRoom(ports: PullPorts, { folder }: PullAsk, files: readonly WeightFile[]): Promise<void> {
  const held = await Promise.all(
    files.map(({ path, sha256 }) => allocatedBytes(partialNames(join(folder, path), sha256).bytes)),
  );
  const needed = files.reduce((sum, { bytes }, index) => sum + Math.max(0, bytes - (held[index] ?? 0)), 0);
  const free = await (ports.freeBytes ?? freeBytesOf)(folder);
  if (needed + weightLimits.freeBytesMin <= free) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new StartError(
    'weights_no_room',
    `${folder} has ${megabytes(free)} free; ${megabytes(needed)} are to come, and ${megabytes(weightLimits.freeBytesMin)} stay free.`,
  );
}

/** Bytes fetched. A bit may flip on the way or on the disk: what is wrong twice is wrong in the store. */
async function pullFile(pull: Pull, file: WeightFile, stored: StoredFile | undefined): Promise<number> {
  let fetchedBytes = 0;
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { isRight, bytes } = await pullParts(pull, file, stored?.version ?? '');
    fetchedBytes += bytes;
    if (isRight) {
      await pull.verified.add(file);
      return fetchedBytes;
    }
    pull.onBytes(-file.bytes);
  }
  throw new StartError(
    'weights_corrupt',
    `${pull.model}@${pull.revision}: ${file.path} has another SHA-256.`,
  );
}

async function pullParts(pull: Pull, file: WeightFile, version: string) {
  const { folder, ports, slots, signal, onBytes, partBytes = weightLimits.partBytes } = pull;
  signal.throwIfAborted();
  const partial = await openPartialFile({ ...file, target: join(folder, file.path), partBytes });
  const { missing } = partial;
  const bytes = missing.reduce((sum, { from, to }) => sum + to - from, 0);
  onBytes(file.bytes - bytes);
  const parts = missing.map((part) =>
    slots.run(async () => {
      const body = await persistently(ports, signal, file.path, (limited) =>
        ports.store.read(refOf(pull, file), version, part.from, part.to, limited),
      );
      await partial.write(part, body);
      onBytes(part.to - part.from);
    }),
  );
  const outcomes = await Promise.allSettled(parts);
  const fault = outcomes.find((outcome) => outcome.status === 'rejected');
  if (fault === undefined) return { isRight: await partial.finish(), bytes };
  await partial.close();
  throw withoutRoom(fault.reason, folder);
}

/** Others write to the same disk: that it had room says nothing of later. */
function withoutRoom(fault: unknown, folder: string): unknown {
  const isFull = fault instanceof Error && 'code' in fault && fault.code === 'ENOSPC';
  return isFull ? new StartError('weights_no_room', `${folder} is full.`, fault) : fault;
}

/** Tries again what may go well in a moment; a StartError will not. */
async function persistently<T>(
  { clock, chance }: PullPorts,
  signal: AbortSignal,
  path: string,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await task(AbortSignal.any([signal, AbortSignal.timeout(weightLimits.partMs)]));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof StartError) throw error;
      if (attempt === weightLimits.attemptsMax) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new StartError('weights_unreachable', `${path}: ${reason} (${attempt} tries).`, error);
      }
      await clock.sleep(weightLimits.retryMs * 2 ** (attempt - 1) * (1 + chance()), signal);
    }
  }
}

function refOf({ model, revision }: PullAsk, { path }: WeightFile): StoredRef {
  return { model, revision, path };
}

interface Verified {
  has(file: WeightFile): boolean;
  add(file: WeightFile): Promise<void>;
}

const verifiedSchema = z.record(z.string(), z.string());

async function openVerified(folder: string): Promise<Verified> {
  const path = join(folder, verifiedName);
  const hashes = new Map(Object.entries(await readVerified(path)));
  let writing: Promise<void> = Promise.resolve();
  return {
    has: ({ path: name, sha256 }) => hashes.get(name) === sha256,
    async add({ path: name, sha256 }) {
      if (hashes.get(name) === sha256) return;
      hashes.set(name, sha256);
      writing = writing.then(() => replaceFile(path, JSON.stringify(Object.fromEntries(hashes))));
      await writing;
    },
  };
}

async function readVerified(path: string): Promise<Record<string, string>> {
  try {
    return verifiedSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // Absent or damaged, it says nothing: files are hashed again.
    return {};
  }
}

function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    () => null,
  );
}

function allocatedBytes(path: string): Promise<number> {
  return stat(path).then(
    // POSIX counts blocks of 512 bytes, whatever the file system's are.
    ({ blocks }) => blocks * 512,
    () => 0,
  );
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
