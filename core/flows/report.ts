/**
 * A worker's word on itself, told to the `Workers` port: at every change of phase, and every `workerLimits.reportMs`
 * in between. Words are sent one after another and only the latest that waits is sent, so a slow store delays them and
 * never the work; one that fails is made good by the next.
 */

import { residentKey } from '../dispatch/choose-batch.ts';
import { tookMs } from '../jumping-clock.ts';
import { workerLimits } from '../limits.ts';
import type { Workers } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { Runner } from '../ports/runner.ts';
import type { WorkerPhase, WorkerRecord } from '../scaling/worker-record.ts';

export interface ReportPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly workers: Workers;
}

export interface Reports {
  /** The same runner, with loads and calls told. */
  watch(runner: Runner): Runner;
  /** Takes tickets from now on. */
  serving(): void;
  draining(): void;
  /** Says that the worker left in good order; resolves when that was sent, or could not be. */
  end(): Promise<void>;
}

interface State {
  isServing: boolean;
  isDraining: boolean;
  isEnded: boolean;
  loads: number;
  runningJobs: number;
  busyMs: number;
  loadMs: number;
}

/** Begins to report. The worker counts as started now. */
export function startReports(ports: ReportPorts, who: { workerId: string; pool: string }): Reports {
  const { clock } = ports;
  const startedAtMs = clock.nowMs();
  const ended = new AbortController();
  const state: State = {
    isServing: false,
    isDraining: false,
    isEnded: false,
    loads: 0,
    runningJobs: 0,
    busyMs: 0,
    loadMs: 0,
  };
  let resident: () => ReadonlySet<string> = () => new Set();
  let word = { phase: phaseOf(state), phaseSinceMs: startedAtMs, reportedAtMs: startedAtMs - 1 };

  const send = inTurn(ports, () => {
    // Two words of one millisecond would leave the earlier one standing.
    word = { ...word, reportedAtMs: Math.max(clock.nowMs(), word.reportedAtMs + 1) };
    const { runningJobs, busyMs, loadMs } = state;
    return { ...who, ...word, startedAtMs, resident: [...resident()], runningJobs, busyMs, loadMs };
  });

  function change(apply: () => void): void {
    apply();
    const phase = phaseOf(state);
    if (phase === word.phase) return;
    word = { ...word, phase, phaseSinceMs: clock.nowMs() };
    send();
  }

  send();
  void repeat(clock, send, ended.signal);
  return {
    watch(runner) {
      resident = () => runner.resident();
      return watched(runner, { clock, state, change });
    },
    serving: () => change(() => Object.assign(state, { isServing: true })),
    draining: () => change(() => Object.assign(state, { isDraining: true })),
    async end() {
      ended.abort();
      change(() => Object.assign(state, { isEnded: true }));
      await send();
    },
  };
}

function phaseOf({ isEnded, isDraining, isServing, loads }: State): WorkerPhase {
  if (isEnded) return 'ended';
  if (isDraining) return 'draining';
  if (loads > 0) return 'loading';
  return isServing ? 'serving' : 'starting';
}

interface Watch {
  readonly clock: Clock;
  readonly state: State;
  readonly change: (apply: () => void) => void;
}

function watched(runner: Runner, { clock, state, change }: Watch): Runner {
  return {
    async load(model, revision, needs) {
      const key = residentKey(model, revision, needs?.tenantId ?? null);
      // Nothing to tell of a model that is there.
      if (runner.resident().has(key)) return runner.load(model, revision, needs);
      const fromMs = clock.nowMs();
      change(() => {
        state.loads += 1;
      });
      try {
        return await runner.load(model, revision, needs);
      } finally {
        change(() => {
          state.loads -= 1;
          state.loadMs += tookMs(fromMs, clock.nowMs());
        });
      }
    },
    async run(batch, events) {
      const fromMs = clock.nowMs();
      state.runningJobs += batch.items.length;
      try {
        return await runner.run(batch, events);
      } finally {
        state.runningJobs -= batch.items.length;
        state.busyMs += tookMs(fromMs, clock.nowMs());
      }
    },
    cancel: (itemId) => runner.cancel(itemId),
    resident: () => runner.resident(),
  };
}

/** Sends the latest word once the one under way is through; the promise resolves when it was sent. */
function inTurn({ workers, log }: ReportPorts, latest: () => WorkerRecord): () => Promise<void> {
  let underWay: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | null = null;
  return () => {
    waiting ??= underWay.then(async () => {
      waiting = null;
      const word = latest();
      underWay = workers.report(word).catch((error: unknown) => {
        log.warn('worker.not_reported', { workerId: word.workerId, reason: String(error) });
      });
      await underWay;
    });
    return waiting;
  };
}

async function repeat(clock: Clock, send: () => Promise<void>, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await clock.sleep(workerLimits.reportMs, ended);
    if (!ended.aborted) await send();
  }
}
