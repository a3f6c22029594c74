/** What a demo model's main thread and its workers say to each other. */
export type TensorData = Float32Array | BigInt64Array | Uint8Array;

export interface WorkerTensor {
  data: TensorData;
  dims: readonly number[];
}

export interface WorkerRequest {
  id: number;
  /** File name of the network. */
  file: string;
  /** The network of this file from now on; `null` forgets it and frees its session. */
  network?: Uint8Array | null | undefined;
  /** Left out to open the session only. */
  inputs?: Readonly<Record<string, WorkerTensor>> | undefined;
}

export type WorkerReply =
  | { id: number; outputs: Record<string, TensorData> }
  | { id: number; problem: string };

/** Places in `WorkerSetup.control`; both hold 0 or 1. */
export const controlBusy = 0;
export const controlHalt = 1;

export interface WorkerSetup {
  /** Bytes of every network, by file name; each worker gets a copy, ONNX Runtime refuses shared memory. */
  weights: ReadonlyMap<string, Uint8Array>;
  /** Shared with the thread that ends the worker. */
  control: Int32Array;
}
