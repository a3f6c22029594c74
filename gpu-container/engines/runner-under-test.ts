/** A real runner process with a bare socket to it, for the conformance suite: it sends what no worker would. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#aws/system-clock.ts';
import { createFrameReader, encodeFrame } from '../protocol/framing.ts';
import type { RunMessage, RunnerMessage, WorkerMessage } from '../protocol/messages.ts';
import { runnerMessageSchema } from '../protocol/messages.ts';
import { killGroup, pidOf, socketPathOf, spawnRunner } from '../runner-host/runner-child.ts';
import { connect } from '../worker/runner-socket.ts';

export interface RunnerUnderTestOptions {
  /** Program and arguments, without `--socket` and `--models`. */
  readonly command: readonly string[];
  readonly modelsDir: string;
}

export interface RunnerUnderTest {
  /** Every frame so far, in order. */
  readonly frames: readonly RunnerMessage[];
  readonly scratchDir: string;
  /** Exit code, once the process is gone; null after a signal. */
  readonly exitCode: Promise<number | null>;
  send(...messages: readonly WorkerMessage[]): void;
  sendBytes(bytes: string): void;
  /** The first frame that fits, from the start of the conversation. Rejects when the runner closes without one. */
  frame<T extends RunnerMessage>(fits: (message: RunnerMessage) => message is T): Promise<T>;
  /** Sends the batch and waits until every item ended; its frames in order. */
  run(batch: SampleBatch): Promise<readonly RunnerMessage[]>;
  /** Makes the batch's folder and its frame, and sends nothing. */
  prepare(batch: SampleBatch): Promise<RunMessage>;
  hasSocketFile(): boolean;
  /** What the kernel does when the worker dies. */
  hangUp(): void;
  /** Kills what is left and removes the folder. */
  dispose(): Promise<void>;
}

export interface SampleBatch {
  readonly batchId: string;
  readonly model: string;
  readonly revision?: string;
  readonly items: readonly { readonly id: string; readonly params: object; readonly deadlineMs?: number }[];
}

const startMs = 20_000;

/** Starts the process, connects, and returns before it said anything. */
export async function startRunnerUnderTest(options: RunnerUnderTestOptions): Promise<RunnerUnderTest> {
  const scratchDir = await mkdtemp(join(tmpdir(), 'pilotlight-test-'));
  // What a runner prints belongs into the test's own output, or a failure stays a riddle.
  const child = spawnRunner(
    { ...options, onOutput: ({ text }) => process.stderr.write(`${text}\n`) },
    scratchDir,
  );
  const gone = new AbortController();
  const exitCode = once(child, 'close').then(([code]) => {
    gone.abort();
    return typeof code === 'number' ? code : null;
  });
  const pid = await pidOf(child);
  const socket = await connect(
    socketPathOf(scratchDir),
    systemClock,
    systemClock.nowMs() + startMs,
    gone.signal,
  );
  const frames: RunnerMessage[] = [];
  const wake = new EventTarget();
  const read = createFrameReader(runnerMessageSchema);
  socket.on('data', (chunk) => {
    for (const frame of read(chunk)) {
      if (frame.kind === 'fault')
        throw new Error(`the runner broke the protocol: ${JSON.stringify(frame.fault)}`);
      frames.push(frame.message);
    }
    wake.dispatchEvent(new Event('frames'));
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => wake.dispatchEvent(new Event('frames')));

  const send: RunnerUnderTest['send'] = (...messages) => {
    socket.write(Buffer.concat(messages.map((message) => encodeFrame(message))));
  };
  const frame: RunnerUnderTest['frame'] = async (fits) => {
    for (;;) {
      const found = frames.find(fits);
      if (found !== undefined) return found;
      if (socket.closed) throw new Error('the runner closed the connection first');
      await once(wake, 'frames');
    }
  };
  const prepare: RunnerUnderTest['prepare'] = async (batch) => {
    const batchDir = join(scratchDir, batch.batchId);
    await mkdir(batchDir);
    return runMessage(batch, batchDir);
  };
  return {
    frames,
    scratchDir,
    exitCode,
    send,
    sendBytes: (bytes) => socket.write(bytes),
    frame,
    prepare,
    async run(batch) {
      send(await prepare(batch));
      for (const { id } of batch.items) await frame(endOf(id, batch.batchId));
      return frames.filter((message) => 'id' in message && batch.items.some(({ id }) => id === message.id));
    },
    hasSocketFile: () => existsSync(socketPathOf(scratchDir)),
    hangUp: () => socket.destroy(),
    async dispose() {
      killGroup(pid);
      await exitCode;
      await rm(scratchDir, { recursive: true, force: true });
    },
  };
}

/** Fits frames of one type. */
export function ofType<K extends RunnerMessage['type']>(type: K) {
  return (message: RunnerMessage): message is Extract<RunnerMessage, { type: K }> => message.type === type;
}

/** Fits the frame that ends an item: its own, or the failure of its whole batch. */
export function endOf(itemId: string, batchId?: string) {
  return (message: RunnerMessage): message is Extract<RunnerMessage, { type: 'result' | 'failed' }> =>
    (message.type === 'result' && message.id === itemId) ||
    (message.type === 'failed' && message.scope === 'item' && message.id === itemId) ||
    (message.type === 'failed' && message.scope === 'batch' && message.batchId === batchId);
}

function runMessage({ batchId, model, revision = '1', items }: SampleBatch, scratchDir: string): RunMessage {
  return {
    type: 'run',
    batchId,
    model,
    revision,
    scratchDir,
    // The samples are plain JSON, spread into the record that the frame takes.
    items: items.map(({ id, params, deadlineMs }) => ({
      id,
      params: { ...params },
      deadlineMs: deadlineMs ?? null,
    })),
    adapters: [],
  };
}
