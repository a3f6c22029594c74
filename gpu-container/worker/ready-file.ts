/**
 * The ready file: there while a worker serves, and written anew every `workerLimits.reportMs`, so that one that hangs is
 * told from one that lives. Health checks, and hooks that wait for a prewarmed machine, look at it.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { isFresh } from '#core/jumping-clock.ts';
import { workerLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { replaceFile } from './replace-file.ts';

const readySchema = z.object({
  at_ms: z.int(),
  pool: z.string(),
  /** Null for a machine that was prewarmed and serves nothing yet. */
  worker_id: z.string().nullable(),
});

export type Health = 'serving' | 'not_ready' | 'silent';

/** Atomic: a reader finds no file, or a whole one. */
export async function writeReady(path: string, content: z.infer<typeof readySchema> & object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, `${JSON.stringify(content)}\n`);
}

export async function removeReady(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** Writes it now and again until `signal` aborts, then removes it. A write that fails is made good by the next. */
export async function keepReady(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  path: string,
  who: { readonly pool: string; readonly workerId: string },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await writeReady(path, { at_ms: clock.nowMs(), pool: who.pool, worker_id: who.workerId });
    } catch (error) {
      log.warn('worker.ready_file_failed', { reason: String(error) });
    }
    await clock.sleep(workerLimits.reportMs, signal);
  }
  await removeReady(path);
}

export async function healthOf(path: string, nowMs: number): Promise<Health> {
  try {
    const { at_ms } = readySchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return isFresh(at_ms, workerLimits.silentMs, nowMs) ? 'serving' : 'silent';
  } catch {
    // Absent, or of something else: nothing says that this worker serves.
    return 'not_ready';
  }
}
