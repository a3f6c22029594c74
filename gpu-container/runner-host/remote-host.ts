/**
 * A runner host in another container, spoken to over its unix socket. Connects with the first call that needs it. A host
 * that closes, falls silent or breaks the protocol is lost with all of its runners, and the next call connects anew.
 */
import { workerLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { HostLink } from './host-link.ts';
import type { RunnerHost } from './runner-host.ts';
import { tryConnect } from './try-connect.ts';

export interface RemoteHostOptions {
  /** Where the host listens. */
  readonly socketPath: string;
  /** The host's scratch root, at the same path here. */
  readonly scratchRoot: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Defaults: `workerLimits.runnerStartMs`, `.runnerSilenceMs`, `protocolLimits.pingMs`. */
  readonly startMs?: number;
  readonly silenceMs?: number;
  readonly pingMs?: number;
}

/** A host that is just beginning, or still ends the runners of the worker before. */
const retryMs = 50;

export function createRemoteHost(options: RemoteHostOptions): RunnerHost {
  const closing = new AbortController();
  let link: Promise<HostLink> | null = null;
  /** Of all callers the first connects. */
  const connected = (): Promise<HostLink> => {
    link ??= open(options, closing.signal).then(
      (opened) => {
        opened.closed.addEventListener('abort', () => {
          link = null;
        });
        return opened;
      },
      (error: unknown) => {
        link = null;
        throw error;
      },
    );
    return link;
  };
  return {
    start: async (ask) => (await connected()).start(ask),
    readCard: async () => (await connected()).readCard(),
    close() {
      closing.abort();
      link?.then(
        (opened) => opened.close(),
        () => undefined,
      );
    },
  };
}

async function open(options: RemoteHostOptions, closing: AbortSignal): Promise<HostLink> {
  const { clock, socketPath, startMs = workerLimits.runnerStartMs } = options;
  const untilMs = clock.nowMs() + startMs;
  for (let refused = 'it does not listen'; !closing.aborted; await clock.sleep(retryMs, closing)) {
    const socket = await tryConnect(socketPath);
    if (socket !== null) {
      const link = new HostLink({ ...options, socket, startMs });
      const answer = await link.greet();
      if (answer === 'welcome') return link;
      refused = answer;
      link.close();
    }
    if (clock.nowMs() >= untilMs) throw new Error(`the runner host has no place for this worker: ${refused}`);
  }
  throw new Error('the worker ends');
}
