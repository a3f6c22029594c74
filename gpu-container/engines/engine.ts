/**
 * What an engine must do, free of sockets and frames: hold models and run batches. The host (`host.ts`) speaks the
 * protocol for it, calls it one thing at a time, and ends what it left open; `engine.contract.ts` is the conformance
 * suite for every engine.
 */
import type { z } from 'zod';
import type { Answer, FailureCode, RunMessage } from '../protocol/messages.ts';

/** Engines of this runtime, by the name that `--engine` takes. */
export const engineNames = ['fake', 'demo'] as const;

export type EngineName = (typeof engineNames)[number];

export interface Engine {
  readonly name: EngineName;
  /** What a receipt should name: whatever changes the output when it changes. */
  readonly versions: Readonly<Record<string, string>>;
  readonly capabilities: { readonly deltas: boolean; readonly adapters: boolean };
  /** Makes a model ready to run. Throws {@link EngineFault}: `MODEL_NOT_LOADED` when it knows no such model. */
  load(model: ModelRef): Promise<void>;
  unload(model: ModelRef): Promise<void>;
  /**
   * Runs items that the worker put together because their batch key is equal. Ends every item through
   * `context.end`, one at a time as each is done. Between steps it asks `context.isStopped` and gives the event
   * loop a turn, so that frames are read while a batch runs. A throw ends every open item with its code.
   */
  run(batch: EngineBatch, context: RunContext): Promise<void>;
}

export interface ModelRef {
  readonly model: string;
  readonly revision: string;
}

export interface EngineBatch extends ModelRef {
  readonly items: RunMessage['items'];
  /** Empty for an engine that takes none. One that does not fit is an EngineFault `ADAPTER_INVALID` before any item runs. */
  readonly adapters: RunMessage['adapters'];
}

export interface RunContext {
  /** True once the item should end without a result; then `end` it as `stopped`. */
  isStopped(itemId: string): boolean;
  progress(itemId: string, step: number, steps: number): void;
  /** Whether anybody looks at previews; then {@link preview} may be called. */
  readonly wantsPreviews: boolean;
  /** How an open item looks after a step whose progress was told. One larger than a frame takes is left out. */
  preview(itemId: string, step: number, picture: PreviewPicture): void;
  /** A piece of the item's text, in order. */
  delta(itemId: string, text: string): void;
  /** Stores a file of the item before the item ends. */
  write(itemId: string, file: OutputFile): Promise<void>;
  /** Ends the item; exactly one call for each, anything more throws. */
  end(itemId: string, end: ItemEnd): void;
}

export interface OutputFile {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly extension: string;
  readonly width: number | null;
  readonly height: number | null;
}

/** Small: to be shown and forgotten. */
export interface PreviewPicture {
  readonly body: Uint8Array;
  readonly contentType: 'image/jpeg' | 'image/png';
  readonly width: number;
  readonly height: number;
}

export type ItemEnd =
  | {
      readonly kind: 'succeeded';
      readonly seeds: readonly number[];
      readonly unknownWords: readonly string[];
      readonly gpuMs: number;
      /** Of an item that wrote text. */
      readonly answer?: Answer;
    }
  /** After `isStopped`: the host knows whether that was a cancel or a deadline. */
  | { readonly kind: 'stopped'; readonly gpuMs: number }
  | {
      readonly kind: 'failed';
      readonly code: FailureCode;
      readonly message: string;
      readonly gpuMs: number;
    };

/** An item whose parameters an engine understood. */
export interface ParsedItem<P> {
  readonly id: string;
  readonly params: P;
}

/** Thrown by an engine to end all that is open with this code. */
export class EngineFault extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'EngineFault';
    this.code = code;
  }
}

/** Which failures may pass when the same item runs again, here or elsewhere. */
export function isRetryable(code: FailureCode): boolean {
  switch (code) {
    case 'OOM':
    case 'DEADLINE':
    case 'MODEL_NOT_LOADED':
    case 'NAN_OUTPUT':
    case 'CUDA_FATAL':
      return true;
    case 'INVALID_INPUT':
    case 'CANCELLED':
    case 'ADAPTER_INVALID':
    case 'INTERNAL':
      return false;
  }
}

/** The items whose parameters fit the schema; every other one is ended as `INVALID_INPUT`, alone. */
export function parseItems<P>(
  schema: z.ZodType<P>,
  batch: EngineBatch,
  context: RunContext,
): readonly ParsedItem<P>[] {
  return batch.items.flatMap((item) => {
    const parsed = schema.safeParse(item.params);
    if (parsed.success) return [{ id: item.id, params: parsed.data }];
    const message = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`,
    );
    context.end(item.id, { kind: 'failed', code: 'INVALID_INPUT', message: message.join('; '), gpuMs: 0 });
    return [];
  });
}
