/**
 * What follows once a warm-up's money is taken, by the call that took it or by whoever finds its note: another call of
 * the tenant, or the sweep. Every step may be done twice and at once:
 * 1. the pool takes the warm-up, on top of the one that the note names and of no other. A crash here leaves a pool that is
 *    kept up and not yet paid for; the note stands, and is finished within the sweep;
 * 2. the ledger takes one entry a warm-up, and this write decides, for everybody: kept, at its price, or not kept, at
 *    none, because the pool was paused meanwhile, another warm-up of the tenant stands there, or the time is over.
 *    Whoever comes second does as the entry says, and takes back from the pool what was not kept;
 * 3. the pool is woken; a crash here leaves that to the scaler's tick;
 * 4. removing the note gives back the money of a warm-up that was not kept, in one write, under "still this note".
 */
import type { CounterCorrection } from '../admission/reservation.ts';
import type { WarmupNote } from '../admission/warmup-note.ts';
import { poolOfWarmupNote, readWarmupNote } from '../admission/warmup-note.ts';
import { mayForgetCounter, monthOf, spendCounter, warmupCounter } from '../admission/windows.ts';
import type { WarmupEntry } from '../billing/ledger.ts';
import { AppError } from '../errors.ts';
import { apiLimits, warmupLimits } from '../limits.ts';
import type { Gates } from '../ports/gates.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Pools, Scaler } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { Warmup } from '../scaling/pool-orders.ts';

export interface FinishWarmUpPorts {
  readonly clock: Clock;
  readonly gates: Pick<Gates, 'release'>;
  readonly ledger: Pick<Ledger, 'append' | 'warmup'>;
  readonly log: Log;
  readonly pools: Pick<Pools, 'order' | 'move'>;
  readonly scaler: Scaler;
}

/** What the warm-up came to: the entry of its id, from this note or another; null for a note that nobody can read. */
export async function finishWarmUp(
  ports: FinishWarmUpPorts,
  tenantId: string,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<WarmupEntry | null> {
  const [note, pool] = [readWarmupNote(text), poolOfWarmupNote(name)];
  // A note that cannot be read is none that this flow wrote; it must not stand in the gate for ever.
  const entry = note === null || pool === null ? null : await carryOut(ports, { tenantId, pool, note });
  const isPaid = entry !== null && entry.token === note?.token && entry.outcome === 'kept';
  const corrections = note === null || isPaid ? [] : correctionsOf(note, ports.clock.nowMs());
  await ports.gates.release(tenantId, name, { token: text, corrections, finishTag: null });
  return entry;
}

/** The entry of a warm-up that was asked for about `atMs`; null when there is none. */
export async function readWarmup(
  { ledger }: { readonly ledger: Pick<Ledger, 'warmup'> },
  tenantId: string,
  warmupId: string,
  atMs: number,
): Promise<WarmupEntry | null> {
  // An Idempotency-Key may come back after the turn of a month, and to a process whose clock is behind.
  const instants = [atMs - apiLimits.idempotencyKeptMs, atMs, atMs + warmupLimits.rememberedMs];
  const months = [...new Set(instants.map(monthOf))];
  const found = await Promise.all(months.map((month) => ledger.warmup(tenantId, month, warmupId)));
  return found.find((entry) => entry !== null) ?? null;
}

interface UnderWay {
  readonly tenantId: string;
  readonly pool: string;
  readonly note: WarmupNote;
}

async function carryOut(ports: FinishWarmUpPorts, under: UnderWay): Promise<WarmupEntry> {
  const { tenantId, pool, note } = under;
  const entry = (await readWarmup(ports, tenantId, note.warmupId, note.atMs)) ?? (await decide(ports, under));
  if (entry.outcome === 'kept' && entry.pool === pool) await wake(ports, pool);
  else await ports.pools.order(pool, { kind: 'undo_warm_up', ...warmupsOf(under) });
  return entry;
}

async function decide(ports: FinishWarmUpPorts, under: UnderWay): Promise<WarmupEntry> {
  const { tenantId, pool, note } = under;
  const { warmup, previous } = warmupsOf(under);
  const isOver = ports.clock.nowMs() >= note.untilMs;
  const order = { kind: 'warm_up', warmup, previousId: previous?.warmupId ?? null } as const;
  const isTaken = !isOver && (await ports.pools.order(pool, order)) === 'obeyed';
  const entry = entryOf(under, isTaken ? 'kept' : 'not_kept');
  if ((await ports.ledger.append(entry)) === 'appended') return entry;
  const stored = await readWarmup(ports, tenantId, note.warmupId, note.atMs);
  if (stored === null)
    throw new AppError('unavailable', { privateDetail: 'a warm-up is refused and not there' });
  return stored;
}

function entryOf({ tenantId, pool, note }: UnderWay, outcome: WarmupEntry['outcome']): WarmupEntry {
  const { previous: _before, usdMicros, ...noted } = note;
  const paid = outcome === 'kept' ? usdMicros : 0;
  return { ...noted, tenantId, pool, kind: 'warmup', month: monthOf(note.atMs), outcome, usdMicros: paid };
}

function warmupsOf({ tenantId, note }: UnderWay): { warmup: Warmup; previous: Warmup | null } {
  const { warmupId, model, untilMs, previous } = note;
  return {
    warmup: { tenantId, warmupId, model, untilMs },
    previous: previous === null ? null : { tenantId, ...previous },
  };
}

/** A failure is left to the scaler's tick: the warm-up stands on the pool's item. */
async function wake({ clock, log, pools, scaler }: FinishWarmUpPorts, pool: string): Promise<void> {
  try {
    await pools.move(pool, ['cold'], 'waking', clock.nowMs());
    await scaler.wake(pool);
  } catch (error) {
    log.warn('warmup.left_to_tick', { pool, reason: String(error) });
  }
}

/** A counter that may be gone by now is left alone: no admission asks for it any more. */
function correctionsOf({ usdMicros, atMs }: WarmupNote, nowMs: number): CounterCorrection[] {
  const counters = [spendCounter(monthOf(atMs)), warmupCounter(atMs)];
  return usdMicros === 0
    ? []
    : counters
        .filter((counter) => !mayForgetCounter(counter, nowMs))
        .map((counter) => ({ counter, delta: -usdMicros }));
}
