/**
 * The one event loop of a simulated world. Time moves only from one event to the next, and after each event everything
 * that can run has run before the next one begins, so a run is a function of its seed. A process has a clock of its own,
 * which may be wrong, and can be killed between any two of its steps: whatever it was waiting for then never comes.
 */
import type { Clock } from '#core/ports/process.ts';
import { createEventHeap } from '../event-heap.ts';

interface Timer {
  wake: (() => void) | null;
}

export interface Loop {
  /** True time, and sleeps that nothing kills: for the stores and for the checker. */
  readonly clock: Clock;
  /** Calls back `inMs` from now. */
  after(inMs: number, act: () => void): void;
  /** Runs every event up to `untilMs`, and lets time be that; stops early when `until` says so, asked after each. */
  run(untilMs: number, until?: () => boolean): Promise<void>;
  /** Lets time jump to `atMs` with nothing done meanwhile: what was due by then comes late, as after a freeze of everything. */
  leap(atMs: number): void;
  /** A clock that is `skewMs` ahead; its sleeps end when the process runs, so late while it is held, and never once dead. */
  clockFor(process: Life & { readonly skewMs: number }): Clock;
  /** Neither held nor dead: there is nothing to wait for. */
  isRunning(process: Life): boolean;
  /** Resolves at once while the process runs, at its release while it is held, and never once it is dead. */
  running(process: Life): Promise<void>;
}

export interface Life {
  isDead(): boolean;
  /** Until when nothing of it runs: stopped by a signal, or starved of its processor. */
  heldUntilMs(): number;
}

const undying: Life = { isDead: () => false, heldUntilMs: () => 0 };

export function createLoop(startMs: number): Loop {
  let nowMs = startMs;
  const heap = createEventHeap<Timer>();

  function timer(inMs: number, wake: () => void): Timer {
    const event: Timer = { wake };
    heap.push(nowMs + Math.max(0, Math.ceil(inMs)), event);
    return event;
  }

  function sleep(ms: number, signal: AbortSignal | undefined, life: Life): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleepers = signal === undefined ? null : sleepersOf(signal);
      const end = () => {
        event.wake = null;
        sleepers?.delete(end);
        if (isRunning(life)) resolve();
        else void running(life).then(resolve);
      };
      const event = timer(ms, end);
      sleepers?.add(end);
    });
  }

  function isRunning(life: Life): boolean {
    return !life.isDead() && life.heldUntilMs() <= nowMs;
  }

  function running(life: Life): Promise<void> {
    if (life.isDead()) return never();
    const heldMs = life.heldUntilMs() - nowMs;
    return heldMs > 0 ? sleep(heldMs, undefined, undying).then(() => running(life)) : Promise.resolve();
  }

  return {
    clock: { nowMs: () => nowMs, sleep: (ms, signal) => sleep(ms, signal, undying) },
    after: (inMs, act) => void timer(inMs, act),
    clockFor: (process) => ({
      nowMs: () => nowMs + process.skewMs,
      sleep: (ms, signal) => sleep(ms, signal, process),
    }),
    isRunning,
    running,
    leap(atMs) {
      nowMs = Math.max(nowMs, Math.floor(atMs));
    },
    async run(untilMs, until = () => false) {
      await turns(() => {
        while (heap.nextAtMs() <= untilMs && !until()) {
          const next = heap.pop();
          if (next === null || next.event.wake === null) continue;
          nowMs = Math.max(nowMs, next.atMs);
          next.event.wake();
          return true;
        }
        return false;
      });
      if (!until()) nowMs = Math.max(nowMs, Math.floor(untilMs));
    },
  };
}

/** Whom each signal wakes. One listener for all of them: most signals see a thousand sleeps, and to listen costs more than to sleep. */
const sleepersBySignal = new WeakMap<AbortSignal, Set<() => void>>();

function sleepersOf(signal: AbortSignal): Set<() => void> {
  const known = sleepersBySignal.get(signal);
  if (known !== undefined) return known;
  const sleepers = new Set<() => void>();
  sleepersBySignal.set(signal, sleepers);
  const wake = () => {
    for (const end of sleepers) end();
  };
  signal.addEventListener('abort', wake, { once: true });
  return sleepers;
}

/** Never resolves: what a call of a dead process comes to. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/**
 * Takes turns until one says that there was nothing to do. Before each, everything that can run has run: a tick that a
 * promise's callback asks for comes once no other callback is left. Nothing here waits for input, which Node would look
 * for between two immediates: those took a tenth of a run.
 */
function turns(take: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const afterAll = () => process.nextTick(turn);
    const turn = () => {
      try {
        if (take()) queueMicrotask(afterAll);
        else resolve();
      } catch (error) {
        reject(error);
      }
    };
    queueMicrotask(afterAll);
  });
}
