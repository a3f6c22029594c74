/** The worker's end of one connection to a runner host, and the runners that were started over it. */
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { protocolLimits, workerLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type { HostAnswer, HostRequest } from '../protocol/host-messages.ts';
import { hostAnswerSchema, hostFrameBytesMax, hostProtocolVersion } from '../protocol/host-messages.ts';
import type { CardReading, HostedRunner, RunnerEnd, RunnerStart } from './runner-host.ts';
import { watchSilence } from './watch-silence.ts';

export interface HostLinkOptions {
  readonly socket: Socket;
  readonly scratchRoot: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of an answer to `hello` and to `start`. */
  readonly startMs: number;
  readonly silenceMs?: number;
  readonly pingMs?: number;
}

type Greeting = Extract<HostAnswer, { type: 'welcome' | 'refused' }>;
type StartAnswer = Extract<HostAnswer, { type: 'started' | 'not_started' }>;
type AskAnswer = Extract<HostAnswer, { type: 'memory' | 'card' | 'card_not_seen' }>;

interface RemoteRunner {
  readonly onOutput: RunnerStart['onOutput'];
  readonly answer: PromiseWithResolvers<StartAnswer>;
  readonly end: PromiseWithResolvers<RunnerEnd>;
  readonly exited: AbortController;
}

export class HostLink {
  readonly #options: HostLinkOptions;
  readonly #closed = new AbortController();
  readonly #greeting = Promise.withResolvers<Greeting>();
  readonly #runners = new Map<number, RemoteRunner>();
  /** Questions that are open; null once nobody will answer. */
  readonly #asks = new Map<number, (answer: AskAnswer | null) => void>();
  #lastId = 0;
  #hear: () => void = () => undefined;
  #isLeaving = false;

  constructor(options: HostLinkOptions) {
    this.#options = options;
    const { socket } = options;
    const read = createFrameReader(hostAnswerSchema, hostFrameBytesMax);
    socket.on('data', (chunk) => {
      this.#hear();
      for (const frame of read(chunk)) {
        if (frame.kind === 'message') this.#receive(frame.message);
        else this.#drop(`${frame.fault.kind} frame: ${frame.fault.detail}`);
      }
    });
    // A reset is what a crash looks like from here; `close` follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#end());
  }

  /** Aborts once the host, or its connection, is gone; every runner of it has ended then, as far as anybody here knows. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** `welcome`, or why not. */
  async greet(): Promise<string> {
    const { clock, startMs } = this.#options;
    this.#send({ type: 'hello', protocol: hostProtocolVersion });
    const late = clock.sleep(startMs, this.closed);
    const greeting = await Promise.race([this.#greeting.promise, late]);
    if (greeting === undefined) return 'it does not answer';
    if (greeting.type === 'refused') return greeting.reason;
    if (greeting.protocol !== hostProtocolVersion) return 'protocol_version';
    this.#watchSilence();
    return 'welcome';
  }

  async start({ engine, modelsDir, memoryMaxMb, onOutput }: RunnerStart): Promise<HostedRunner> {
    const { clock, scratchRoot, startMs } = this.#options;
    const id = this.#nextId();
    const runner: RemoteRunner = {
      onOutput,
      answer: Promise.withResolvers(),
      end: Promise.withResolvers(),
      exited: new AbortController(),
    };
    this.#runners.set(id, runner);
    this.#send({ type: 'start', id, engine, modelsDir, memoryMaxMb: memoryMaxMb ?? null });
    const late = clock.sleep(startMs, AbortSignal.any([this.closed, runner.exited.signal]));
    const answer = await Promise.race([runner.answer.promise, late]);
    const kill = () => this.#send({ type: 'kill', id });
    if (answer?.type === 'started') {
      const { exited, end } = runner;
      const scratchDir = join(scratchRoot, answer.folder);
      const residentMb = () => this.#residentMb(id);
      return { pid: answer.pid, scratchDir, exited: exited.signal, end: end.promise, kill, residentMb };
    }
    // Should it start after all.
    kill();
    this.#runners.delete(id);
    throw new Error(
      answer?.type === 'not_started' ? answer.reason : 'the runner host started no runner in time',
    );
  }

  async readCard(): Promise<CardReading | null> {
    const answer = await this.#ask((ask) => ({ type: 'card', ask }));
    if (answer?.type !== 'card') {
      throw new Error(answer?.type === 'card_not_seen' ? answer.reason : 'the runner host is gone');
    }
    if (answer.reading === null) return null;
    const { busyPercent, memoryBytes } = answer.reading;
    return { busyPercent: busyPercent ?? undefined, memoryBytes: memoryBytes ?? undefined };
  }

  /** Hangs up, upon which the host ends every runner that is left. */
  close(): void {
    this.#isLeaving = true;
    this.#options.socket.destroy();
  }

  async #residentMb(id: number): Promise<number | null> {
    const answer = await this.#ask((ask) => ({ type: 'memory', ask, id }));
    return answer?.type === 'memory' ? answer.residentMb : null;
  }

  /** Null when the host is gone first. */
  #ask(request: (ask: number) => HostRequest): Promise<AskAnswer | null> {
    if (this.closed.aborted) return Promise.resolve(null);
    const ask = this.#nextId();
    return new Promise((resolve) => {
      this.#asks.set(ask, resolve);
      this.#send(request(ask));
    });
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #send(request: HostRequest): void {
    const { socket } = this.#options;
    if (socket.writable) socket.write(encodeFrame(request, hostFrameBytesMax));
  }

  #receive(answer: HostAnswer): void {
    switch (answer.type) {
      case 'welcome':
      case 'refused':
        this.#greeting.resolve(answer);
        break;
      case 'started':
      case 'not_started':
        this.#runners.get(answer.id)?.answer.resolve(answer);
        break;
      case 'output': {
        const { id, type: _type, ...line } = answer;
        this.#runners.get(id)?.onOutput(line);
        break;
      }
      case 'ended':
        this.#bury(answer.id, { exitCode: answer.exitCode, signal: answer.signal });
        break;
      case 'memory':
      case 'card':
      case 'card_not_seen':
        this.#asks.get(answer.ask)?.(answer);
        this.#asks.delete(answer.ask);
        break;
      case 'pong':
        break;
    }
  }

  #bury(id: number, end: RunnerEnd): void {
    const runner = this.#runners.get(id);
    this.#runners.delete(id);
    runner?.end.resolve(end);
    runner?.exited.abort();
  }

  #drop(reason: string): void {
    if (this.#isLeaving) return;
    this.#options.log.warn('host.dropped', { reason });
    this.close();
  }

  #end(): void {
    if (!this.#isLeaving) this.#options.log.error('host.lost', { runners: this.#runners.size });
    // Whoever hears of the end of a runner must not find this link open.
    this.#closed.abort();
    for (const id of this.#runners.keys()) this.#bury(id, { exitCode: null, signal: null });
    for (const answer of this.#asks.values()) answer(null);
    this.#asks.clear();
  }

  /** One that hangs could not be told to end a runner. */
  #watchSilence(): void {
    const { clock, silenceMs = workerLimits.runnerSilenceMs, pingMs = protocolLimits.pingMs } = this.#options;
    this.#hear = watchSilence({
      ...{ clock, pingMs, silenceMs },
      ended: this.closed,
      ping: () => this.#send({ type: 'ping' }),
      onSilent: () => this.#drop('silent'),
    });
  }
}
