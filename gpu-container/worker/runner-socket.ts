/** How a worker comes to talk to a runner that was just started. */
import type { Socket } from 'node:net';
import type { Clock } from '#core/ports/process.ts';
import { tryConnect } from '../runner-host/try-connect.ts';

const connectRetryMs = 5;

/**
 * Connects as soon as the runner listens; it creates its socket when it is up, so early tries find nothing. Throws
 * when it exits first, or at `untilMs`.
 */
export async function connect(
  path: string,
  clock: Clock,
  untilMs: number,
  ended: AbortSignal,
): Promise<Socket> {
  while (!ended.aborted) {
    const socket = await tryConnect(path);
    if (socket !== null) return socket;
    if (clock.nowMs() >= untilMs) throw new Error('the runner did not open its socket in time');
    await clock.sleep(connectRetryMs, ended);
  }
  throw new Error('the runner exited before it opened its socket');
}
