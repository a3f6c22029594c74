/**
 * A file that is being fetched in parts: `<target>.<hash>.part` holds the bytes, a journal beside it says which parts are
 * in it, written after them. A process that dies leaves both, and the next goes on from there. Nothing is trusted for
 * that: the whole file is hashed before it takes its name.
 *
 * Two processes that fetch the same file write the same bytes to the same places, so neither harms the other.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { replaceFile } from '../replace-file.ts';

const journalSchema = z.object({
  sha256: z.string(),
  bytes: z.int(),
  partBytes: z.int(),
  done: z.array(z.int().nonnegative()),
});

export interface PartialFileAsk {
  /** Absolute. */
  readonly target: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly partBytes: number;
}

export interface Part {
  readonly index: number;
  readonly from: number;
  /** The first byte that is not in it. */
  readonly to: number;
}

export interface PartialFile {
  /** Parts that are not in it yet. */
  readonly missing: readonly Part[];
  write(part: Part, body: Uint8Array): Promise<void>;
  /** Gives it its name, for everybody to read and nobody to write, if it is what was asked for; otherwise removes it. False then. */
  finish(): Promise<boolean>;
  /** Leaves it for later. */
  close(): Promise<void>;
}

const hashedBytes = 4 * 1024 * 1024;

/** Where the bytes of a file and the journal lie while it is fetched. */
export function partialNames(
  target: string,
  sha256: string,
): { readonly bytes: string; readonly journal: string } {
  const bytes = `${target}.${sha256.slice(0, 16)}.part`;
  return { bytes, journal: `${bytes}.json` };
}

/** Opens what an earlier process left, or begins anew. */
export async function openPartialFile(ask: PartialFileAsk): Promise<PartialFile> {
  const { bytes: path, journal } = partialNames(ask.target, ask.sha256);
  await mkdir(dirname(ask.target), { recursive: true });
  const done = await readDone(journal, path, ask);
  // Never emptied: another process may be at it.
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  await handle.truncate(ask.bytes);
  const save = inTurn(() => {
    const { target: _, ...fields } = ask;
    return replaceFile(journal, JSON.stringify({ ...fields, done: [...done] }));
  });
  return {
    missing: partsOf(ask).filter(({ index }) => !done.has(index)),
    async write(part, body) {
      await writeAll(handle, body, part.from);
      done.add(part.index);
      await save();
    },
    async finish() {
      const isRight = (await sha256Of(handle)) === ask.sha256;
      if (isRight) await handle.sync();
      if (isRight) await takeName(handle, path, ask.target);
      else await rm(path, { force: true });
      // Only under its name: a part that cannot be opened to write could never go on.
      if (isRight) await handle.chmod(0o444);
      await handle.close();
      await rm(journal, { force: true });
      return isRight;
    },
    close: () => handle.close(),
  };
}

/** SHA-256 of a file, read through once. */
export async function hashFile(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    return await sha256Of(handle);
  } finally {
    await handle.close();
  }
}

function partsOf({ bytes, partBytes }: PartialFileAsk): Part[] {
  return Array.from({ length: Math.ceil(bytes / partBytes) }, (_, index) => {
    const from = index * partBytes;
    return { index, from, to: Math.min(bytes, from + partBytes) };
  });
}

/** Parts that are there; none when what lies there is of another file, or cannot be read. */
async function readDone(journal: string, path: string, ask: PartialFileAsk): Promise<Set<number>> {
  try {
    const found = journalSchema.parse(JSON.parse(await readFile(journal, 'utf8')));
    const isSame =
      found.sha256 === ask.sha256 && found.bytes === ask.bytes && found.partBytes === ask.partBytes;
    return isSame && (await stat(path)).size === ask.bytes ? new Set(found.done) : new Set();
  } catch {
    // A journal that is absent or damaged says nothing; fetching again is always right.
    return new Set();
  }
}

async function writeAll(handle: FileHandle, body: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < body.byteLength; ) {
    const { bytesWritten } = await handle.write(body, written, body.byteLength - written, at + written);
    written += bytesWritten;
  }
}

async function sha256Of(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(hashedBytes);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** What lies under the name by now may be the beginning of another process, when one that is through took ours away. */
async function takeName(handle: FileHandle, path: string, target: string): Promise<void> {
  const [own, there] = await Promise.all([handle.stat(), stat(path).catch(() => null)]);
  try {
    if (there?.ino === own.ino) return await rename(path, target);
  } catch (error) {
    // It was first between the two calls.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  await stat(target);
}

/** One write at a time; those that are asked for meanwhile are one more. */
function inTurn(write: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | null = null;
  return () => {
    waiting ??= underWay
      .catch(() => undefined)
      .then(() => {
        waiting = null;
        underWay = write();
        return underWay;
      });
    return waiting;
  };
}
