/**
 * Which instances never joined their cluster. One that is in service, is paid and takes no worker for longer than any boot
 * lasts is ended, and its group launches another in its place. Pure; the fleet's adapter feeds it and keeps its record.
 *
 * A fault that every instance has (an AMI, a role, a network) must not have them launched over and over: of instances in
 * a row, none of which joined, so many are replaced and no more. Those that stand then are stuck: they stay until they join
 * or are not needed, and a person is told. A try is forgotten after hours, so a fault that passes by itself mends itself.
 */
import * as z from 'zod';
import { isFresh } from '../jumping-clock.ts';
import { fleetLimits } from '../limits.ts';

const momentSchema = z.int().nonnegative();

export const bootWatchSchema = z.object({
  /** Counts the writes; a write names the one it replaces. */
  version: z.int().nonnegative(),
  /** In service and not in the cluster, by instance: when that was seen first. */
  waiting: z.record(z.string(), momentSchema),
  /** Replaced because they never joined. An instance stands here once, however often ending it was tried. */
  replaced: z.array(z.object({ instanceId: z.string(), atMs: momentSchema })),
});

export type BootWatch = z.infer<typeof bootWatchSchema>;

export const nothingBoots: BootWatch = { version: 0, waiting: {}, replaced: [] };

export interface BootSight {
  /** In service in their groups, and not in the cluster. */
  readonly notJoined: readonly string[];
  /** When the latest of the pool's instances joined that the cluster has now; null where it has none. */
  readonly joinedAtMs: number | null;
  readonly nowMs: number;
}

export interface BootVerdict {
  /** With what was seen; the version is the one before. */
  readonly watch: BootWatch;
  /** Never joined, and may be replaced. */
  readonly lost: readonly string[];
  /** Never joined either, and stand all the same: as many in a row were replaced as may be. */
  readonly stuck: readonly string[];
}

/** Looked at again after a crash, the same instances are lost, and count once. */
export function watchBoots(before: BootWatch, { notJoined, joinedAtMs, nowMs }: BootSight): BootVerdict {
  // A clock that ran ahead at the first sight and was put right must not end what has only begun.
  const sinceMs = (id: string) => Math.min(before.waiting[id] ?? nowMs, nowMs);
  const waiting = Object.fromEntries(notJoined.map((id) => [id, sinceMs(id)]));
  const replaced = before.replaced.filter(({ atMs }) => {
    return atMs > (joinedAtMs ?? 0) && isFresh(atMs, fleetLimits.lostForgottenMs, nowMs);
  });
  const overdue = notJoined
    .filter((id) => nowMs - sinceMs(id) >= fleetLimits.joinMs)
    .toSorted((a, b) => sinceMs(a) - sinceMs(b));
  const counted = new Set(replaced.map(({ instanceId }) => instanceId));
  const again = overdue.filter((id) => counted.has(id));
  const fresh = overdue.filter((id) => !counted.has(id));
  const room = Math.max(0, fleetLimits.lostInARowMax - replaced.length);
  return {
    watch: { ...before, waiting, replaced },
    lost: [...again, ...fresh.slice(0, room)],
    stuck: fresh.slice(room),
  };
}

/** The record to keep once these are to be replaced; `before` itself where nothing changed. */
export function afterReplacing(
  before: BootWatch,
  { watch, lost }: Pick<BootVerdict, 'watch' | 'lost'>,
  ended: readonly string[],
  nowMs: number,
): BootWatch {
  const counted = new Set(watch.replaced.map(({ instanceId }) => instanceId));
  const news = lost.filter((id) => ended.includes(id) && !counted.has(id));
  const replaced = [...watch.replaced, ...news.map((instanceId) => ({ instanceId, atMs: nowMs }))];
  const moments = ({ waiting, replaced: counted }: Pick<BootWatch, 'waiting' | 'replaced'>) =>
    [...Object.entries(waiting), ...counted.map(({ instanceId, atMs }) => [instanceId, atMs])].map(String);
  const after = { version: before.version + 1, waiting: watch.waiting, replaced };
  const isSame = moments(before).toSorted().join() === moments(after).toSorted().join();
  return isSame ? before : after;
}
