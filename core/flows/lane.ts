/**
 * The runner's lane: one batch has the runner, and the next is let in as it is done. Tells when that will be, so that the
 * next batch can be claimed just in time: early enough that the card does not wait for the line, late enough that what
 * comes meanwhile is still weighed.
 *
 * A batch is expected to take what its manifest predicts, times how far that was off for the model before; where that was
 * not steady, nobody knows until its first step has ended: then the time of a step so far, times the steps to come.
 */
import { tookMs } from '../jumping-clock.ts';
import { workerLimits } from '../limits.ts';
import type { Clock } from '../ports/process.ts';
import type { RunWatch } from './run.ts';

export interface Lane {
  /** Nothing has the runner. */
  isFree(): boolean;
  /**
   * Nothing has the runner, or what has it is expected to end within `claimLeadMs`, or should have within the last
   * `aheadMs`: of a batch that takes longer than that nobody knows when it ends.
   */
  isNearFree(): boolean;
  /** Resolves once that is so, or `stopping` aborts. */
  nearFree(stopping: AbortSignal): Promise<void>;
  /** Whether nothing has the runner, at once or within `aheadMs`. */
  freeSoon(): Promise<boolean>;
  /** Lets a batch into a lane that is free, and settles as `run` does: then it is free again. */
  enter(ask: LaneAsk, run: (watch: RunWatch) => Promise<void>): Promise<void>;
}

export interface LaneAsk {
  readonly model: string;
  readonly predictedMs: number;
}

/** How often it is asked while nobody knows. */
const unknownLookMs = 250;
/** Steps that follow quickly would have it looked at for each of them. */
const lookMs = 50;

interface Held {
  readonly left: AbortController;
  /** Null while its model loads. */
  begunAtMs: number | null;
  /** Null while nobody knows. */
  endsAtMs: number | null;
}

/** Of one model. */
interface Pace {
  /** What calls took of what was predicted, the last one for half of it. */
  readonly ratio: number;
  /** The last call was within half of what the ones before let expect. */
  readonly isSteady: boolean;
}

function paceAfter(before: Pace | undefined, ratio: number): Pace {
  if (before === undefined) return { ratio, isSteady: false };
  return {
    ratio: (before.ratio + ratio) / 2,
    isSteady: Math.abs(ratio - before.ratio) <= before.ratio / 2,
  };
}

export function createLane(clock: Clock): Lane {
  let held: Held | null = null;
  const paces = new Map<string, Pace>();

  async function hold(ask: LaneAsk, own: Held, run: (watch: RunWatch) => Promise<void>): Promise<void> {
    const pace = paces.get(ask.model);
    await run({
      onBegun() {
        own.begunAtMs = clock.nowMs();
        if (pace?.isSteady === true) own.endsAtMs = own.begunAtMs + ask.predictedMs * pace.ratio;
      },
      onProgress(step, steps) {
        const nowMs = clock.nowMs();
        own.endsAtMs = nowMs + (tookMs(own.begunAtMs ?? nowMs, nowMs) / step) * (steps - step);
      },
    });
    if (own.begunAtMs === null || ask.predictedMs <= 0) return;
    paces.set(ask.model, paceAfter(pace, tookMs(own.begunAtMs, clock.nowMs()) / ask.predictedMs));
  }

  /** Until the next batch is to be claimed; below zero once that is past, null while nobody knows. */
  function earlyMs(): number | null {
    if (held === null) return 0;
    if (held.endsAtMs === null) return null;
    const leftMs = held.endsAtMs - clock.nowMs();
    return leftMs < -workerLimits.aheadMs ? null : leftMs - workerLimits.claimLeadMs;
  }

  const isNearFree = () => (earlyMs() ?? 1) <= 0;

  return {
    isFree: () => held === null,
    isNearFree,
    async nearFree(stopping) {
      while (held !== null && !isNearFree() && !stopping.aborted) {
        const own: Held = held;
        const over = AbortSignal.any([stopping, own.left.signal]);
        while (held === own && !isNearFree() && !over.aborted) {
          // Half of what is left: what is expected changes with every step.
          await clock.sleep(Math.max(lookMs, (earlyMs() ?? 2 * unknownLookMs) / 2), over);
        }
      }
    },
    async freeSoon() {
      if (held !== null) await clock.sleep(workerLimits.aheadMs, held.left.signal);
      // What was expected of it was wrong: until its next step, nobody waits for it again.
      if (held !== null) held.endsAtMs = null;
      return held === null;
    },
    enter(ask, run) {
      const own: Held = { left: new AbortController(), begunAtMs: null, endsAtMs: null };
      held = own;
      return hold(ask, own, run).finally(() => {
        held = null;
        own.left.abort();
      });
    },
  };
}
