/**
 * One runner process and the conversation with it, from greeting to grave. Pings prove that it lives; one that stays
 * silent, or breaks the protocol, is killed with all its children.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '#core/ports.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type { ReadyMessage, RunnerMessage, WorkerMessage } from '../protocol/messages.ts';
import { protocolVersion, runnerMessageSchema } from '../protocol/messages.ts';
import { residentMb } from './process-memory.ts';
import type { RunnerCommand } from './runner-child.ts';
import { connect, killGroup, pidOf, socketPathOf, spawnRunner } from './runner-child.ts';

export interface RunnerProcessOptions extends RunnerCommand {
  /** Parent of the scratch folder. */
  readonly scratchRoot: string;
  readonly startMs: number;
  readonly silenceMs: number;
  readonly pingMs: number;
  readonly memoryWatchMs: number;
  readonly clock: Clock;
}

/** After its last word a runner exits by itself; this long it may take. */
const exitMs = 2000;

/**
 * Starts a runner and waits until it is ready. Throws, with the process and its folder gone, when it does not become
 * so within `startMs`. The caller removes `scratchDir` after `ended`.
 */
export async function startRunnerProcess(
  options: RunnerProcessOptions,
  onMessage: (message: RunnerMessage) => void,
): Promise<RunnerProcess> {
  const { clock, log, scratchRoot, startMs } = options;
  const startedMs = clock.nowMs();
  const scratchDir = await mkdtemp(join(scratchRoot, 'pilotlight-'));
  const exited = new AbortController();
  let child: ChildProcess | null = null;
  try {
    child = spawnRunner(options, scratchDir);
    child.once('close', () => exited.abort());
    const pid = await pidOf(child);
    const socket = await connect(socketPathOf(scratchDir), clock, startedMs + startMs, exited.signal);
    const runner = new RunnerProcess({
      ...options,
      pid,
      scratchDir,
      socket,
      exited: exited.signal,
      onMessage,
    });
    const ready = await runner.greet(startedMs + startMs);
    log.info('runner.started', { pid, engine: ready.engine, startMs: clock.nowMs() - startedMs });
    return runner;
  } catch (err) {
    if (child?.pid !== undefined) {
      killGroup(child.pid);
      await aborted(exited.signal);
    }
    await rm(scratchDir, { recursive: true, force: true });
    throw err;
  }
}

interface Connection extends RunnerProcessOptions {
  readonly pid: number;
  readonly scratchDir: string;
  readonly socket: Socket;
  /** Aborts when the process is gone. */
  readonly exited: AbortSignal;
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
  #isHeard = false;

  /** For {@link startRunnerProcess}; the process is of use after {@link greet}. */
  constructor(connection: Connection) {
    this.pid = connection.pid;
    this.scratchDir = connection.scratchDir;
    this.#connection = connection;
    const closed = new Promise<void>((resolve) => connection.socket.once('close', () => resolve()));
    this.ended = Promise.all([closed, aborted(connection.exited)]).then(() => undefined);
    this.#listen();
    closed.then(() => this.#buryWithin(exitMs));
  }

  /** Says hello and waits for the answer; throws when none comes until `untilMs`. */
  async greet(untilMs: number): Promise<ReadyMessage> {
    const { clock, exited } = this.#connection;
    this.send({ type: 'hello', protocol: protocolVersion });
    const timeout = clock.sleep(untilMs - clock.nowMs(), exited);
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
    await Promise.race([this.ended, this.#connection.clock.sleep(ms, this.#connection.exited)]);
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
    if (this.#connection.exited.aborted) return;
    this.#connection.log.warn('runner.killed', { pid: this.pid, reason });
    killGroup(this.pid);
  }

  #listen(): void {
    const { socket, onMessage } = this.#connection;
    const read = createFrameReader(runnerMessageSchema);
    socket.on('data', (chunk) => {
      this.#isHeard = true;
      for (const frame of read(chunk)) {
        if (frame.kind === 'fault') this.kill(`${frame.fault.kind} frame: ${frame.fault.detail}`);
        else if (frame.message.type === 'ready') this.#readiness.resolve(frame.message);
        else onMessage(frame.message);
      }
    });
    // A reset is what a crash looks like from here; `close` follows.
    socket.on('error', () => socket.destroy());
  }

  async #watchSilence(): Promise<void> {
    const { clock, exited, pingMs, silenceMs } = this.#connection;
    // In pings, not by the clock: one that jumps ahead would kill a runner that lives, and one that jumps back spare one
    // that does not. When this process itself was stopped, that is one ping too.
    let silentMs = 0;
    for (let sequence = 0; !exited.aborted; sequence += 1) {
      this.#isHeard = false;
      this.send({ type: 'ping', sequence });
      await clock.sleep(pingMs, exited);
      // Then answers wait unread: one turn lets them in.
      if (!this.#isHeard) await nextTurn();
      silentMs = this.#isHeard ? 0 : silentMs + pingMs;
      if (silentMs >= silenceMs) return this.kill('silent');
    }
  }

  /** From outside, so that a runner that no longer listens is held to its cap too. */
  async #watchMemory(): Promise<void> {
    const { clock, exited, memoryMaxMb, memoryWatchMs } = this.#connection;
    if (memoryMaxMb === undefined) return;
    while (!exited.aborted) {
      const heldMb = await residentMb(this.pid);
      if (heldMb !== null && heldMb > memoryMaxMb) {
        this.#isOverMemory = true;
        return this.kill(`holds ${heldMb} MB, its cap is ${memoryMaxMb} MB`);
      }
      await clock.sleep(memoryWatchMs, exited);
    }
  }

  async #buryWithin(ms: number): Promise<void> {
    await this.#connection.clock.sleep(ms, this.#connection.exited);
    this.kill('stayed after it closed its socket');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
