/** Finds out that the other end of a socket no longer listens, of a runner and of a runner host alike. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '#core/ports/process.ts';

export interface SilenceWatch {
  readonly clock: Clock;
  /** Ends the watch. */
  readonly ended: AbortSignal;
  /** Asks for an answer. */
  readonly ping: (sequence: number) => void;
  readonly pingMs: number;
  /** So long without a word is silence. */
  readonly silenceMs: number;
  readonly onSilent: () => void;
}

/** @returns what is to be called with every word that comes */
export function watchSilence(watch: SilenceWatch): () => void {
  let isHeard = false;
  const look = async () => {
    const { clock, ended, ping, pingMs, silenceMs, onSilent } = watch;
    // In pings, not by the clock: one that jumps ahead would end what lives, and one that jumps back spare what does not.
    // When this process itself was stopped, that is one ping too.
    let silentMs = 0;
    for (let sequence = 0; !ended.aborted; sequence += 1) {
      isHeard = false;
      ping(sequence);
      await clock.sleep(pingMs, ended);
      // Then answers wait unread: one turn lets them in.
      if (!isHeard) await nextTurn();
      silentMs = isHeard ? 0 : silentMs + pingMs;
      if (silentMs >= silenceMs) return onSilent();
    }
  };
  void look();
  return () => {
    isHeard = true;
  };
}
