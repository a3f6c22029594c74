/**
 * The one way into a LevelDB store: writes go one after another, what comes meanwhile goes together in the next.
 *
 * A write that failed half-way, as on a full disk, leaves torn bytes in LevelDB's log, and its own place in that file
 * is wrong from then on: what it acknowledges later is unreadable after a restart (LevelDB 1.20, log_writer.cc counts
 * on after a failed append). So after a failed write none is taken until the store was opened anew, which reads the
 * log up to the torn bytes and begins another. Reads go on until then.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '#core/ports/process.ts';

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Record<string, unknown> }
  | { readonly type: 'del'; readonly key: string };

export interface WriteLineOptions {
  readonly folder: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Stores all or nothing. */
  readonly store: (operations: readonly Operation[]) => Promise<void>;
  /** Closes the store and opens it again. */
  readonly reopen: () => Promise<void>;
}

export interface WriteLine {
  /** Resolves when everything before and these are stored; rejects when they are not, and may not be for a while. */
  write(operations: readonly Operation[]): Promise<void>;
  /** Takes no more; resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Opening anew copies the log, of 4 MiB at most, into a table: with twice that there is room to go on too. */
const roomBytes = 8 * 1024 * 1024;
const lookMs = 500;

interface Waiting {
  readonly operations: readonly Operation[];
  readonly stored: () => void;
  readonly refused: (error: unknown) => void;
}

export function createWriteLine(options: WriteLineOptions): WriteLine {
  const { folder, log, clock, store, reopen } = options;
  const closing = new AbortController();
  let waiting: Waiting[] = [];
  let fault: unknown = null;
  let healing: Promise<void> = Promise.resolve();
  let flushing: Promise<void> | null = null;

  async function flush(): Promise<void> {
    // Never done before it was noted as under way.
    await null;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        if (fault !== null) throw fault;
        await store(batch.flatMap(({ operations }) => operations));
        for (const { stored } of batch) stored();
      } catch (error) {
        if (fault === null) fail(error);
        for (const { refused } of batch) refused(error);
      }
    }
    flushing = null;
  }

  function fail(error: unknown): void {
    fault = error;
    log.error('store.write_failed', {
      folder,
      reason: String(error),
      hint: 'no write is taken until it is mended',
    });
    healing = heal();
  }

  async function heal(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(lookMs, closing.signal);
      if (closing.signal.aborted || !(await hasRoom(folder))) continue;
      try {
        await reopen();
        fault = null;
        log.info('store.writes_again', { folder });
        return;
      } catch (error) {
        log.error('store.not_reopened', { folder, reason: String(error) });
      }
    }
  }

  return {
    write(operations) {
      return new Promise((stored, refused) => {
        waiting.push({ operations, stored, refused });
        flushing ??= flush();
      });
    },
    async close() {
      closing.abort();
      await Promise.all([flushing, healing]);
    },
  };
}

/** Tried, not asked for: quotas and limits of a process are no part of what a file system says is free. */
async function hasRoom(folder: string): Promise<boolean> {
  const probe = join(folder, 'room.probe');
  try {
    await writeFile(probe, Buffer.alloc(roomBytes));
    return true;
  } catch {
    // Whatever is in the way of this write is in the way of the store's.
    return false;
  } finally {
    await rm(probe, { force: true });
  }
}
