/**
 * Worker thread that holds ONNX Runtime sessions. onnxruntime-node computes on the thread that calls it, so sessions
 * live here: the main thread goes on reading frames while a step runs, and several workers share a batch.
 *
 * Answers every `WorkerRequest` with one `WorkerReply` of the same id. A session opens with the first request that
 * names its file; each uses one thread, because the workers are the threads.
 *
 * A thread torn down inside the native library aborts the whole process. The worker therefore marks itself busy in
 * shared memory around every native call and starts none once told to halt; whoever ends it halts it first and
 * waits until it is idle.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import {
  controlBusy,
  controlHalt,
  type TensorData,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSetup,
} from './network-worker-messages.ts';

const setup = workerData as WorkerSetup; // Set by network-worker-pool.ts alone.
const { control } = setup;
const weights = new Map(setup.weights);
const sessions = new Map<string, Promise<InferenceSession>>();
/** Requests being answered; several can overlap, because a session opens asynchronously. */
let busyCount = 0;

parentPort?.on('message', async (request: WorkerRequest) => {
  busyCount += 1;
  Atomics.store(control, controlBusy, 1);
  const reply: WorkerReply = await answer(request).catch((err: unknown) => ({
    id: request.id,
    problem: err instanceof Error ? err.message : String(err),
  }));
  busyCount -= 1;
  if (busyCount === 0) {
    Atomics.store(control, controlBusy, 0);
    Atomics.notify(control, controlBusy);
  }
  parentPort?.postMessage(reply);
});

async function answer({ id, file, network, inputs }: WorkerRequest): Promise<WorkerReply> {
  if (network === null) {
    await forget(file);
    return { id, outputs: {} };
  }
  if (network !== undefined) weights.set(file, network);
  const session = await openSession(file);
  if (inputs === undefined) return { id, outputs: {} };
  refuseWhenHalted();
  const feeds = Object.entries(inputs).map(([name, { data, dims }]) => [name, toTensor(data, dims)] as const);
  const results = await session.run(Object.fromEntries(feeds));
  const outputs = Object.entries(results).map(([name, { data }]) => [name, toData(name, data)] as const);
  return { id, outputs: Object.fromEntries(outputs) };
}

async function forget(file: string): Promise<void> {
  const session = sessions.get(file);
  sessions.delete(file);
  weights.delete(file);
  refuseWhenHalted();
  await (await session)?.release();
}

async function openSession(file: string): Promise<InferenceSession> {
  refuseWhenHalted();
  const bytes = weights.get(file);
  if (bytes === undefined) throw new Error(`There is no network ${file}.`);
  const session =
    sessions.get(file) ?? InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  sessions.set(file, session);
  return await session;
}

function refuseWhenHalted(): void {
  if (Atomics.load(control, controlHalt) === 1) throw new Error('The demo model is closing.');
}

function toTensor(data: TensorData, dims: readonly number[]): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, dims);
  if (data instanceof BigInt64Array) return new Tensor('int64', data, dims);
  return new Tensor('uint8', data, dims);
}

function toData(name: string, data: Tensor['data']): TensorData {
  if (data instanceof Float32Array || data instanceof BigInt64Array || data instanceof Uint8Array)
    return data;
  throw new TypeError(`Output ${name} is of a type that no demo model uses.`);
}
