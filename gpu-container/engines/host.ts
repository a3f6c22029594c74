/**
 * Serves the runner protocol for one engine and one worker, on a unix socket.
 *
 * Two lanes: `cancel`, `ping` and `drain` are answered the moment they are read; `load`, `unload` and `run` wait for
 * each other, because a device does one thing at a time. The first connection is the only one, and the socket file
 * goes away with it: nobody else can join, and nothing is left behind however the process ends later.
 */
import { createServer, type Socket } from 'node:net';
import { workerLimits } from '#core/limits.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type {
  ByeReason,
  FailureCode,
  RunMessage,
  RunnerMessage,
  WorkerMessage,
} from '../protocol/messages.ts';
import { protocolVersion, workerMessageSchema } from '../protocol/messages.ts';
import { BatchRun } from './batch-run.ts';
import type { Engine, ModelRef } from './engine.ts';
import { EngineFault } from './engine.ts';

const megabyte = 1_000_000;
const overMemoryText = 'the process holds more than its memory cap';

export type EndReason = ByeReason | 'worker_lost' | 'no_worker';

/**
 * Resolves when the process should exit: after `bye` was written (its reason), when the worker went away, or when
 * none came within `workerLimits.runnerStartMs`. Work of the engine may still be running then.
 * @param memoryMaxMb the cap of this process: while its resident set is above it, `load` and `run` fail as `OOM`
 */
export async function serve(engine: Engine, socketPath: string, memoryMaxMb?: number): Promise<EndReason> {
  const socket = await acceptWorker(socketPath);
  return socket === null ? 'no_worker' : await converse(engine, socket, memoryMaxMb);
}

function acceptWorker(socketPath: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      clearTimeout(timer);
      // Closing the listener removes its file; the connection stays.
      server.close();
      resolve(socket);
    });
    // A worker that died before it connected must not leave its runner behind.
    const timer = setTimeout(() => server.close(() => resolve(null)), workerLimits.runnerStartMs);
    server.once('error', reject);
    server.listen(socketPath);
  });
}

function converse(
  engine: Engine,
  socket: Socket,
  memoryMaxMb = Number.POSITIVE_INFINITY,
): Promise<EndReason> {
  return new Promise((resolve) => {
    const session = new Session(engine, memoryMaxMb, {
      send: (message) => socket.write(encodeFrame(message)),
      leave: (reason) => socket.end(encodeFrame({ type: 'bye', reason }), () => resolve(reason)),
    });
    const read = createFrameReader(workerMessageSchema);
    socket.on('data', (chunk) => {
      for (const frame of read(chunk)) {
        if (frame.kind === 'message') session.receive(frame.message);
        else session.fail('protocol_fault', 'INTERNAL', `${frame.fault.kind} frame: ${frame.fault.detail}`);
      }
    });
    // A reset says the same as an end: the worker is gone, and `close` follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve('worker_lost'));
  });
}

interface Wire {
  send(message: RunnerMessage): void;
  /** Says `bye` and closes. */
  leave(reason: ByeReason): void;
}

class Session {
  readonly #engine: Engine;
  readonly #memoryMaxMb: number;
  readonly #wire: Wire;
  readonly #resident = new Set<string>();
  readonly #runs = new Set<BatchRun>();
  #isLeaving = false;
  #work: Promise<void> = Promise.resolve();

  constructor(engine: Engine, memoryMaxMb: number, wire: Wire) {
    this.#engine = engine;
    this.#memoryMaxMb = memoryMaxMb;
    this.#wire = wire;
  }

  receive(message: WorkerMessage): void {
    switch (message.type) {
      case 'hello':
        if (message.protocol === protocolVersion) this.#send(readyMessage(this.#engine));
        else this.#leave('protocol_version');
        break;
      case 'load':
        this.#enqueue(() => this.#load({ model: message.model, revision: message.revision }));
        break;
      case 'unload':
        this.#enqueue(() => this.#unload({ model: message.model, revision: message.revision }));
        break;
      case 'run':
        this.#accept(message);
        break;
      case 'cancel':
        for (const run of this.#runs) run.cancel(message.id);
        break;
      case 'ping':
        this.#send({ type: 'pong', sequence: message.sequence });
        break;
      case 'drain':
        this.#enqueue(async () => this.#leave('drained'));
        break;
    }
  }

  /** Ends everything with a failure of scope `process`, then `bye`. */
  fail(reason: ByeReason, code: FailureCode, message: string): void {
    this.#send({ type: 'failed', scope: 'process', code, message, retryable: true });
    this.#leave(reason);
  }

  #send(message: RunnerMessage): void {
    if (!this.#isLeaving) this.#wire.send(message);
  }

  #leave(reason: ByeReason): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#wire.leave(reason);
  }

  #enqueue(task: () => Promise<void>): void {
    this.#work = this.#work.then(task).catch((err: unknown) => {
      this.fail('fatal', err instanceof EngineFault ? err.code : 'INTERNAL', messageOf(err));
    });
  }

  async #load(ref: ModelRef): Promise<void> {
    const wasResident = this.#resident.has(keyOf(ref));
    const startMs = performance.now();
    try {
      this.#checkMemory();
      if (!wasResident) await this.#engine.load(ref);
    } catch (err) {
      if (err instanceof EngineFault && err.code === 'CUDA_FATAL') throw err;
      return this.#send(loadFailure(ref, err));
    }
    this.#resident.add(keyOf(ref));
    const ms = wasResident ? 0 : Math.ceil(performance.now() - startMs);
    this.#send({ type: 'loaded', ...ref, ms, vramBytes: null });
    this.#send(statsMessage());
  }

  async #unload(ref: ModelRef): Promise<void> {
    if (this.#resident.delete(keyOf(ref))) await this.#engine.unload(ref);
    this.#send(statsMessage());
  }

  #accept(message: RunMessage): void {
    const { batchId } = message;
    const run = new BatchRun(message, (sent) => this.#send(sent));
    this.#runs.add(run);
    this.#send({ type: 'accepted', batchId });
    this.#enqueue(async () => {
      const refusal = this.#refusalOf(message);
      if (refusal === null) await run.execute(this.#engine);
      else this.#send({ type: 'failed', scope: 'batch', batchId, ...refusal });
      this.#runs.delete(run);
    });
  }

  #refusalOf(message: RunMessage) {
    if (this.#isOverMemory()) return { code: 'OOM', message: overMemoryText, retryable: true } as const;
    return refusalOf(message, this.#engine, this.#resident);
  }

  #checkMemory(): void {
    if (this.#isOverMemory()) throw new EngineFault('OOM', overMemoryText);
  }

  #isOverMemory(): boolean {
    return process.memoryUsage.rss() > this.#memoryMaxMb * megabyte;
  }
}

function loadFailure(ref: ModelRef, err: unknown): RunnerMessage {
  const code = err instanceof EngineFault ? err.code : 'INTERNAL';
  return { type: 'failed', scope: 'model', ...ref, code, message: messageOf(err), retryable: code === 'OOM' };
}

function refusalOf(message: RunMessage, engine: Engine, resident: ReadonlySet<string>) {
  if (!resident.has(keyOf(message))) {
    return { code: 'MODEL_NOT_LOADED', message: 'the model is not loaded', retryable: true } as const;
  }
  if (message.adapters.length > 0 && !engine.capabilities.adapters) {
    return { code: 'ADAPTER_INVALID', message: 'this engine takes no adapters', retryable: false } as const;
  }
  return null;
}

function readyMessage({ name, versions, capabilities }: Engine): RunnerMessage {
  return {
    type: 'ready',
    protocol: protocolVersion,
    engine: name,
    versions: { ...versions },
    capabilities: { ...capabilities },
    vramTotalBytes: null,
  };
}

function statsMessage(): RunnerMessage {
  const memoryBytes = process.memoryUsage.rss();
  return { type: 'stats', memoryBytes, vramAllocatedBytes: null, vramReservedBytes: null, gpuUtil: null };
}

function keyOf({ model, revision }: ModelRef): string {
  return `${model}@${revision}`;
}

function messageOf(err: unknown): string {
  return err instanceof Error ? `${err.name}: ${err.message}` : 'unknown fault';
}
