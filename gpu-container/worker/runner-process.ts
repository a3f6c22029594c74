/**
 * One runner process and the conversation with it, from greeting to grave. Pings prove that it lives; one that stays
 * silent, or breaks the protocol, is killed with all its children.
 */
import type { Socket } from 'node:net';
import type { Clock, Log } from '#core/ports/process.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type { ReadyMessage, RunnerMessage, WorkerMessage } from '../protocol/messages.ts';
import { protocolVersion, runnerMessageSchema } from '../protocol/messages.ts';
import { removeFolder } from '../runner-host/remove-folder.ts';
import { socketPathOf } from '../runner-host/runner-child.ts';
import type { HostedRunner, RunnerHost, RunnerStart } from '../runner-host/runner-host.ts';
import { watchSilence } from '../runner-host/watch-silence.ts';
import { connect } from './runner-socket.ts';

export interface RunnerProcessOptions extends Omit<RunnerStart, 'onOutput'> {
  readonly host: RunnerHost;
  readonly log: Log;
  readonly startMs: number;
  readonly silenceMs: number;
  readonly pingMs: number;
  readonly memoryWatchMs: number;
  readonly clock: Clock;
}

/** After its last word a runner exits by itself, and what an ended one said has arrived; this long either may take. */
const exitMs = 2000;

/**
 * Starts a runner and waits until it is ready. Throws, with the process and its folder gone, when it does not become
 * so within `startMs`. The caller removes `scratchDir` after `ended`.
 */
export async function startRunnerProcess(
  options: RunnerProcessOptions,
  onMessage: (message: RunnerMessage) => void,
): Promise<RunnerProcess> {
  const { clock, log, host, startMs, engine, modelsDir, memoryMaxMb } = options;
  const startedMs = clock.nowMs();
  const hosted = await host.start({
    ...{ engine, modelsDir, memoryMaxMb },
    onOutput: (line) => log.info('runner.output', { ...line }),
  });
  const { pid, scratchDir, exited } = hosted;
  hosted.end.then((end) => log.info('runner.ended', { pid, ...end }));
  try {
    const socket = await connect(socketPathOf(scratchDir), clock, startedMs + startMs, exited);
    const runner = new RunnerProcess({ ...options, hosted, socket, onMessage });
    const ready = await runner.greet(startedMs + startMs);
    log.info('runner.started', { pid, engine: ready.engine, startMs: clock.nowMs() - startedMs });
    return runner;
  } catch (err) {
    hosted.kill();
    await aborted(exited);
    await removeFolder(scratchDir);
    throw err;
  }
}

interface Connection extends RunnerProcessOptions {
  readonly hosted: HostedRunner;
  readonly socket: Socket;
  readonly onMessage: (message: RunnerMessage) => void;
}

export class RunnerProcess {
  readonly pid: number;
  readonly scratchDir: string;
  /** Resolves once the process is gone and everything that it said has been received. */
  readonly ended: Promise<void>;
  readonly #connection: Connection;
  readonly #readiness = Promise.withResolvers<ReadyMessage>();
  #isOverMemory = false;
  #ready: ReadyMessage | null = null;
  #hear: () => void = () => undefined;

  /** For {@link startRunnerProcess}; the process is of use after {@link greet}. */
  constructor(connection: Connection) {
    const { hosted, socket } = connection;
    this.pid = hosted.pid;
    this.scratchDir = hosted.scratchDir;
    this.#connection = connection;
    const closed = new AbortController();
    socket.once('close', () => closed.abort());
    this.ended = Promise.all([aborted(closed.signal), aborted(hosted.exited)]).then(() => undefined);
    this.#listen();
    aborted(closed.signal).then(() => this.#buryWithin(exitMs));
    aborted(hosted.exited).then(() => this.#hangUpWithin(exitMs, closed.signal));
  }

  /** Says hello and waits for the answer; throws when none comes until `untilMs`. */
  async greet(untilMs: number): Promise<ReadyMessage> {
    const { clock, hosted } = this.#connection;
    this.send({ type: 'hello', protocol: protocolVersion });
    const timeout = clock.sleep(untilMs - clock.nowMs(), hosted.exited);
    const ready = await Promise.race([this.#readiness.promise, timeout, this.ended]);
    if (ready === undefined) throw new Error('the runner did not become ready');
    this.#ready = ready;
    this.#watchSilence();
    this.#watchMemory();
    return ready;
  }

  /** It was killed because it passed its memory cap. */
  get isOverMemory(): boolean {
    return this.#isOverMemory;
  }

  /** What the runner said of itself; throws before {@link greet}. */
  get ready(): ReadyMessage {
    if (this.#ready === null) throw new Error('the runner was not greeted');
    return this.#ready;
  }

  /** Lets its work end and the process exit; kills it after `ms`. Resolves when it is gone. */
  async drain(ms: number): Promise<void> {
    this.send({ type: 'drain' });
    await Promise.race([this.ended, this.#connection.clock.sleep(ms, this.#connection.hosted.exited)]);
    this.kill('not drained in time');
    await this.ended;
  }

  send(message: WorkerMessage): void {
    const { socket } = this.#connection;
    // A closed socket needs no answer here: `ended` tells.
    if (socket.writable) socket.write(encodeFrame(message));
  }

  /** Ends the process and its children at once. */
  kill(reason: string): void {
    const { hosted, log } = this.#connection;
    if (hosted.exited.aborted) return;
    log.warn('runner.killed', { pid: this.pid, reason });
    hosted.kill();
  }

  #listen(): void {
    const { socket, onMessage } = this.#connection;
    const read = createFrameReader(runnerMessageSchema);
    socket.on('data', (chunk) => {
      this.#hear();
      for (const frame of read(chunk)) {
        if (frame.kind === 'fault') this.kill(`${frame.fault.kind} frame: ${frame.fault.detail}`);
        else if (frame.message.type === 'ready') this.#readiness.resolve(frame.message);
        else onMessage(frame.message);
      }
    });
    // A reset is what a crash looks like from here; `close` follows.
    socket.on('error', () => socket.destroy());
  }

  #watchSilence(): void {
    const { clock, hosted, pingMs, silenceMs } = this.#connection;
    this.#hear = watchSilence({
      ...{ clock, pingMs, silenceMs },
      ended: hosted.exited,
      ping: (sequence) => this.send({ type: 'ping', sequence }),
      onSilent: () => this.kill('silent'),
    });
  }

  /** From outside, so that a runner that no longer listens is held to its cap too. */
  async #watchMemory(): Promise<void> {
    const { clock, hosted, memoryMaxMb, memoryWatchMs } = this.#connection;
    if (memoryMaxMb === undefined) return;
    while (!hosted.exited.aborted) {
      const heldMb = await hosted.residentMb();
      if (heldMb !== null && heldMb > memoryMaxMb) {
        this.#isOverMemory = true;
        return this.kill(`holds ${heldMb} MB, its cap is ${memoryMaxMb} MB`);
      }
      await clock.sleep(memoryWatchMs, hosted.exited);
    }
  }

  async #buryWithin(ms: number): Promise<void> {
    await this.#connection.clock.sleep(ms, this.#connection.hosted.exited);
    this.kill('stayed after it closed its socket');
  }

  /** Of one whose host is gone it is not known whether it lives; without its worker it ends by itself. */
  async #hangUpWithin(ms: number, closed: AbortSignal): Promise<void> {
    await this.#connection.clock.sleep(ms, closed);
    this.#connection.socket.destroy();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
