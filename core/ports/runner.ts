import type { FinishReason, JobRecord } from '../job/job.ts';
import type { Preview } from '../stream/text-piece.ts';

/** A model in a process of its own (models.md 6). One call at a time. */
export interface Runner {
  /**
   * Makes the model resident; `loadMs` is 0 when it was already. Where a card is known, other models are put out first,
   * the least recently used first, until the model and the peak of the batch fit.
   */
  load(model: string, revision: string, needs?: RunNeeds): Promise<LoadOutcome>;
  /** Runs one batch. Every item ends in exactly one outcome, also when the runner process dies. */
  run(batch: RunBatch, events: RunEvents): Promise<ReadonlyMap<string, RunOutcome>>;
  /** Asks to stop one item of the running batch; its outcome is then `canceled`, or what it was just before. */
  cancel(itemId: string): void;
  /** Every resident model, as `modelKey` names it, least recently used first. */
  resident(): ReadonlySet<string>;
}

export type LoadOutcome =
  | { readonly kind: 'loaded'; readonly loadMs: number }
  /** `worker_lost`: the process that was to load it is gone, or could not be started. */
  | {
      readonly kind: 'failed';
      readonly code: 'no_such_model' | 'out_of_memory' | 'model_error' | 'worker_lost';
    };

/** What a batch takes of a card, and in whose process it runs. */
export interface RunNeeds {
  /** Predicted peak of the whole batch, on top of the weights. */
  readonly peakMb: number;
  /** The tenant whose own process runs it; null: the process that tenants share. */
  readonly tenantId: string | null;
  /** Hard cap of that process, weights included; null: none. */
  readonly memoryMaxMb: number | null;
}

export interface RunBatch {
  readonly batchId: string;
  readonly model: string;
  readonly revision: string;
  readonly items: readonly RunItem[];
  /**
   * What changes the model for all of the items.
   * @default nothing
   */
  readonly adapters?: readonly RunAdapter[];
  /** @default the shared process, and no peak to make room for */
  readonly needs?: RunNeeds;
  /**
   * Traces of its items, for the lines that are written while it runs.
   * @default none
   */
  readonly traceIds?: readonly string[];
}

export interface RunAdapter {
  readonly id: string;
  readonly path: string;
  readonly sha256: string;
  readonly weight: number;
}

export interface RunItem {
  readonly id: string;
  readonly params: JobRecord['input'];
}

export interface RunEvents {
  onProgress(itemId: string, step: number, steps: number): void;
  /** How an item looks so far, from models that can say; where nobody asks, nothing is made. */
  onPreview?(itemId: string, preview: Preview): void;
  /** Pieces of an item's text as they are made, in order, told to those who ask: its file has the whole. */
  onDelta?(itemId: string, text: string): void;
}

/** How a text came to its end, and the tokens that were read and written for it. */
export interface RunAnswer {
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export type RunOutcome =
  | {
      readonly kind: 'succeeded';
      readonly files: readonly RunFile[];
      readonly gpuMs: number;
      readonly seeds: readonly number[];
      readonly unknownWords: readonly string[];
      readonly engine: string;
      readonly versions: Readonly<Record<string, string>>;
      /** Of an item that wrote text, which is its first file. */
      readonly answer?: RunAnswer;
    }
  | { readonly kind: 'canceled'; readonly gpuMs: number }
  | {
      readonly kind: 'failed';
      readonly code:
        | 'out_of_memory'
        | 'model_error'
        | 'nan_output'
        | 'invalid_input'
        | 'adapter_error'
        | 'picture_error'
        | 'worker_lost'
        | 'no_such_model';
      readonly message: string;
      readonly retryable: boolean;
      readonly gpuMs: number;
    };

export interface RunFile {
  readonly type: 'image' | 'text';
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly sha256: string;
  readonly width?: number;
  readonly height?: number;
}
