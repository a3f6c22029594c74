/**
 * What is known of a pool's instances on their way into the cluster, by the rule of `scaling/boot-watch.ts`, kept with the pool.
 *
 * Looked at, decided, noted, and only then ended by whoever asked. A crash before the note is as if nobody had looked; one after
 * it leaves an instance that the next look names again, as the same try.
 */
import type { Metrics } from '../observability/metrics.ts';
import type { Pools } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { BootSight, BootVerdict, BootWatch } from '../scaling/boot-watch.ts';
import { afterReplacing, watchBoots } from '../scaling/boot-watch.ts';

export interface BootPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly pools: Pick<Pools, 'read' | 'noteBoots'>;
}

/** What one look came to; nothing is changed by it. */
export interface BootLook {
  readonly pool: string;
  readonly before: BootWatch;
  readonly verdict: BootVerdict;
}

export async function lookAtBoots(
  { clock, pools }: BootPorts,
  pool: string,
  sight: Omit<BootSight, 'nowMs'>,
): Promise<BootLook> {
  const { boots: before } = await pools.read(pool);
  return { pool, before, verdict: watchBoots(before, { ...sight, nowMs: clock.nowMs() }) };
}

/**
 * Notes what was seen, and that those of `replace` that are lost are replaced. Those that may be ended now: all of them, or
 * without the lost ones where another look was noted meanwhile, whose count of tries is not known here.
 */
export async function noteBoots(
  { clock, log, metrics, pools }: BootPorts,
  { pool, before, verdict }: BootLook,
  replace: readonly string[],
): Promise<readonly string[]> {
  const { lost, stuck, watch } = verdict;
  if (stuck.length > 0) metrics.tell('fleet.instances_stuck', { instances_stuck: stuck.length }, { pool });
  const after = afterReplacing(before, verdict, replace, clock.nowMs());
  if (after !== before && (await pools.noteBoots(pool, after)) === 'conflict')
    return replace.filter((instanceId) => !lost.includes(instanceId));
  for (const { instanceId } of after.replaced.slice(watch.replaced.length)) {
    log.warn('fleet.instance_lost', { pool, instanceId });
    metrics.tell('fleet.boot_failed', { boots_failed: 1 }, { pool });
  }
  return replace;
}
