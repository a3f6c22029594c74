/** Workers that run a demo model's networks: asks one of them to run a file, and hands its answer back. */
import { Worker } from 'node:worker_threads';
import {
  controlBusy,
  controlHalt,
  type TensorData,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSetup,
  type WorkerTensor,
} from './network-worker-messages.ts';

/** Longest wait for a worker's native call to return; a step of a full batch takes well under a second. */
const haltMsMax = 5_000;

export interface WorkerPool {
  /** Number of workers, and so of runs that truly happen side by side. */
  readonly size: number;
  /** Opens a network in every worker. */
  open(file: string): Promise<void>;
  /** Gives every worker another network under the name of a file that it does not have yet, and opens it there. */
  add(file: string, network: Uint8Array): Promise<void>;
  /** Frees a network in every worker; no run of it may be under way. */
  drop(file: string): Promise<void>;
  /** Runs a network in the next worker in turn. Rejects if the run fails or the worker dies. */
  run(
    file: string,
    inputs: Readonly<Record<string, WorkerTensor>>,
  ): Promise<Readonly<Record<string, TensorData>>>;
  /** Ends the workers; runs under way are rejected. */
  close(): Promise<void>;
}

interface PoolWorker {
  /** Lets no further native call start, and blocks until the present one has returned. */
  halt(): void;
  ask(
    file: string,
    request?: Pick<WorkerRequest, 'inputs' | 'network'>,
  ): Promise<Readonly<Record<string, TensorData>>>;
  end(): Promise<unknown>;
}

type Waiting = PromiseWithResolvers<Record<string, TensorData>>;

/** Starts `size` workers over the given files. */
export function startWorkerPool(weights: ReadonlyMap<string, Uint8Array>, size: number): WorkerPool {
  const workers = Array.from({ length: size }, () => startWorker(weights));
  const halt = () => {
    for (const worker of workers) worker.halt();
  };
  // process.exit() tears threads down at once; see network-worker.ts for why they must be idle by then.
  process.once('exit', halt);
  let turn = 0;
  return {
    size,
    async open(file) {
      await Promise.all(workers.map((worker) => worker.ask(file)));
    },
    async add(file, network) {
      await Promise.all(workers.map((worker) => worker.ask(file, { network })));
    },
    async drop(file) {
      await Promise.all(workers.map((worker) => worker.ask(file, { network: null })));
    },
    run(file, inputs) {
      const worker = workers[turn % size];
      turn += 1;
      if (worker === undefined) return Promise.reject(new Error('The pool has no workers.'));
      return worker.ask(file, { inputs });
    },
    async close() {
      process.off('exit', halt);
      halt();
      await Promise.all(workers.map((worker) => worker.end()));
    },
  };
}

function startWorker(weights: WorkerSetup['weights']): PoolWorker {
  const control = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(new URL('./network-worker.ts', import.meta.url), {
    workerData: { weights, control } satisfies WorkerSetup,
  });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let ended: Error | undefined;
  const end = (err: Error) => {
    ended ??= err;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  // An idle worker must not keep the process alive, a busy one must.
  worker.unref();
  worker.on('error', end);
  worker.on('exit', () => end(new Error('The demo model is closed.')));
  worker.on('message', (reply: WorkerReply) => {
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    if ('outputs' in reply) asked?.resolve(reply.outputs);
    else asked?.reject(new Error(reply.problem));
  });
  return {
    ask(file, request = {}) {
      if (ended !== undefined) return Promise.reject(ended);
      const asked: Waiting = Promise.withResolvers();
      lastId += 1;
      waiting.set(lastId, asked);
      worker.ref();
      worker.postMessage({ id: lastId, file, ...request } satisfies WorkerRequest);
      return asked.promise;
    },
    halt() {
      Atomics.store(control, controlHalt, 1);
      Atomics.wait(control, controlBusy, 1, haltMsMax);
    },
    end: () => worker.terminate(),
  };
}
