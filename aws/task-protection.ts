/**
 * Scale-in protection of the ECS task that this worker is: while it has work, ECS stops other tasks of the service first,
 * and a deployment waits for it. It guards against nothing else: a Spot notice, the end of an instance and a failed health
 * check stop the task all the same, and its jobs go back to the line.
 *
 * Told through the container agent, which knows whose word it is. A word that gets lost costs nothing but the work of a
 * worker that is stopped in just that minute; nothing waits for an answer.
 */
import * as z from 'zod';
import { tookMs } from '#core/jumping-clock.ts';
import { fleetLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';

export interface TaskProtection {
  /** Protected from now on while busy, and until `fleetLimits.unprotectAfterMs` after. */
  busy(isBusy: boolean): void;
  /** Says that the task may be stopped, if it was protected; resolves when that was sent, or could not be. */
  close(): Promise<void>;
}

/** What ECS answers with status 200 or not: the protection, or why there is none. */
const answerSchema = z.union([
  z.object({ protection: z.object({ ProtectionEnabled: z.boolean() }) }),
  z.object({ failure: z.object({ Reason: z.string() }) }),
  z.object({ error: z.object({ Code: z.string() }) }),
]);

/** The agent is on the same machine; past this it does not answer. */
const answerWithinMs = 5_000;

/** @param options.agentUri `ECS_AGENT_URI`, which ECS sets in every container */
export function createTaskProtection(options: {
  readonly agentUri: string;
  readonly clock: Clock;
  readonly log: Log;
}): TaskProtection {
  const { clock, log } = options;
  const url = `${options.agentUri}/task-protection/v1/state`;
  /** When protection was last asked for; null while it is not. */
  let protectedAtMs: number | null = null;
  /** Ends what the latest word began: renewals, or the wait before it is taken back. */
  let current = new AbortController();
  let underWay: Promise<void> = Promise.resolve();

  /** One after another, so that the last word is the one that stands. */
  function tell(enabled: boolean): Promise<void> {
    protectedAtMs = enabled ? clock.nowMs() : null;
    underWay = underWay
      .then(() => put(url, enabled))
      .catch((error: unknown) => {
        log.warn('task.not_protected', { enabled, reason: String(error) });
      });
    return underWay;
  }

  async function protectUntil(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const leftMs =
        protectedAtMs === null ? 0 : fleetLimits.protectMs - tookMs(protectedAtMs, clock.nowMs());
      if (leftMs > 0) await clock.sleep(leftMs, ended);
      else await tell(true);
    }
  }

  async function unprotectUnless(busyAgain: AbortSignal): Promise<void> {
    await clock.sleep(fleetLimits.unprotectAfterMs, busyAgain);
    if (!busyAgain.aborted) await tell(false);
  }

  return {
    busy(isBusy) {
      current.abort();
      current = new AbortController();
      void (isBusy ? protectUntil(current.signal) : unprotectUnless(current.signal));
    },
    async close() {
      current.abort();
      if (protectedAtMs !== null) await tell(false);
      await underWay;
    },
  };
}

async function put(url: string, enabled: boolean): Promise<void> {
  const word = enabled
    ? { ProtectionEnabled: true, ExpiresInMinutes: fleetLimits.protectedMs / 60_000 }
    : { ProtectionEnabled: false };
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(word),
    signal: AbortSignal.timeout(answerWithinMs),
  });
  const answer = answerSchema.safeParse(await response.json());
  if (!answer.success) throw new Error(`the agent answers ${response.status} and says nothing of protection`);
  if ('failure' in answer.data) throw new Error(answer.data.failure.Reason);
  if ('error' in answer.data) throw new Error(answer.data.error.Code);
}
