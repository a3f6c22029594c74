/**
 * Lets one worker after another have a runner host, over a unix socket that its own user alone may open. While a worker has
 * it, and until the last of its runners is gone, any other is refused.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { StartError } from '#core/errors.ts';
import type { Log } from '#core/ports/process.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type { HostAnswer, HostRequest } from '../protocol/host-messages.ts';
import { hostFrameBytesMax, hostProtocolVersion, hostRequestSchema } from '../protocol/host-messages.ts';
import type { RunnerHost } from './runner-host.ts';
import { WorkerSession } from './worker-session.ts';

export interface ServeHostOptions {
  readonly host: RunnerHost;
  readonly socketPath: string;
  /** The folders of models that runners may be given. */
  readonly modelsDirs: readonly string[];
  readonly log: Log;
  /** Ends the host once no worker has it: one that drains needs its runners. */
  readonly stopping: AbortSignal;
}

/** Whoever connects says something within this. */
const silentMs = 5_000;
/** Without a session, at a time: a worker, its successor, who asks for the health, and some to spare. */
const waitingMax = 8;
/** Of lines that a worker has not read yet; past that they are lost. */
const unreadBytesMax = 1_048_576;

/**
 * Resolves once `stopping` aborted and no worker has the host.
 * @throws StartError `invalid_environment` where another host listens
 */
export async function serveHost(options: ServeHostOptions): Promise<void> {
  const { socketPath, log, stopping } = options;
  const connections = new Connections(options);
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
  await removeStale(socketPath);
  const server = createServer((socket) => connections.accept(socket));
  await listen(server, socketPath);
  await chmod(socketPath, 0o600);
  log.info('host.listening', {});
  await new Promise<void>((resolve) => {
    if (stopping.aborted) resolve();
    else stopping.addEventListener('abort', () => resolve(), { once: true });
  });
  log.info('host.stopping', { hasWorker: connections.isTaken });
  server.close();
  await connections.free();
}

class Connections {
  readonly #options: ServeHostOptions;
  /** The worker that has the host; resolves when its last runner is gone. */
  #taken: Promise<void> | null = null;
  /** Connections without a session, the oldest first. */
  readonly #waiting = new Set<Socket>();

  constructor(options: ServeHostOptions) {
    this.#options = options;
  }

  get isTaken(): boolean {
    return this.#taken !== null;
  }

  /** Resolves once no worker has the host. */
  async free(): Promise<void> {
    await this.#taken;
  }

  accept(socket: Socket): void {
    const { log } = this.#options;
    let session: WorkerSession | null = null;
    this.#letWait(socket);
    const read = createFrameReader(hostRequestSchema, hostFrameBytesMax);
    const send = (answer: HostAnswer) => {
      if (socket.writable) socket.write(encodeFrame(answer, hostFrameBytesMax));
    };
    const receive = (request: HostRequest): boolean => {
      if (request.type === 'ping') {
        send({ type: 'pong' });
        // Who asks for the health has heard it.
        if (session === null) socket.destroySoon();
      } else if (request.type !== 'hello') return session?.receive(request) ?? false;
      else if (session !== null) return false;
      else session = this.#admit(socket, request.protocol, send);
      return true;
    };
    socket.setTimeout(silentMs, () => {
      if (session === null) socket.destroy();
    });
    socket.on('data', (chunk) => {
      for (const frame of read(chunk)) {
        if (frame.kind === 'message' && receive(frame.message)) continue;
        // The kind of fault alone: what was said may be anybody's.
        log.warn('host.bad_frame', { reason: frame.kind === 'fault' ? frame.fault.kind : 'out of turn' });
        socket.destroy();
        return;
      }
    });
    socket.on('error', () => socket.destroy());
  }

  /** One too many costs the oldest its place, not the newest: runners reach the socket too, and must not shut a worker out. */
  #letWait(socket: Socket): void {
    const [oldest] = this.#waiting;
    if (this.#waiting.size >= waitingMax && oldest !== undefined) {
      this.#waiting.delete(oldest);
      oldest.destroy();
    }
    this.#waiting.add(socket);
    socket.once('close', () => this.#waiting.delete(socket));
  }

  /** Null for one that is refused. */
  #admit(socket: Socket, protocol: number, send: (answer: HostAnswer) => void): WorkerSession | null {
    const { log } = this.#options;
    const reason = protocol !== hostProtocolVersion ? 'protocol_version' : this.isTaken ? 'busy' : null;
    if (reason !== null) {
      log.warn('host.refused', { reason });
      send({ type: 'refused', reason });
      socket.destroySoon();
      return null;
    }
    this.#waiting.delete(socket);
    const sendIfRead = (answer: HostAnswer) => {
      if (socket.writableLength < unreadBytesMax) send(answer);
    };
    const session = new WorkerSession({ ...this.#options, send, sendIfRead });
    const taken = new Promise<void>((resolve) => {
      socket.once('close', () => {
        log.info('host.worker_gone', {});
        session.end().then(() => {
          this.#taken = null;
          resolve();
        });
      });
    });
    this.#taken = taken;
    log.info('host.worker_came', {});
    send({ type: 'welcome', protocol: hostProtocolVersion });
    return session;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/** Of a host that was killed: its file stays, and nobody listens. */
async function removeStale(path: string): Promise<void> {
  const isListening = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
  if (isListening) {
    throw new StartError('invalid_environment', 'PILOTLIGHT_RUNNER_HOST: another runner host listens there');
  }
  await rm(path, { force: true });
}
