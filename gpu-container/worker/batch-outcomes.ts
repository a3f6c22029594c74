/** Collects the frames of one batch into outcomes: one for each item, the first that came, also when none came. */
import { jobErrors } from '#core/errors.ts';
import type { Log } from '#core/ports/process.ts';
import type { RunBatch, RunEvents, RunOutcome } from '#core/ports/runner.ts';
import type { FailedMessage, ReadyMessage, ResultMessage, RunnerMessage } from '../protocol/messages.ts';
import { readResultFiles } from './result-files.ts';

export interface BatchOutcomes {
  /** Takes any frame; what is not about an open item of this batch changes nothing. */
  receive(message: RunnerMessage): void;
  /**
   * Ends every open item of a process that is gone; `gpuMs` is what the batch may have cost, shared between them. One
   * that was killed at its memory cap ran out of memory, and an item that was alone in it will again.
   */
  lose(gpuMs: number, reason: 'worker_lost' | 'out_of_memory'): void;
  /** Resolves when every item has its outcome, files read. */
  readonly all: Promise<ReadonlyMap<string, RunOutcome>>;
}

export type FailedOutcome = Extract<RunOutcome, { kind: 'failed' }>;

export function collectOutcomes(
  batch: RunBatch,
  events: RunEvents,
  source: { readonly ready: ReadyMessage; readonly scratchDir: string; readonly log: Log },
): BatchOutcomes {
  const open = new Set(batch.items.map((item) => item.id));
  const outcomes = new Map<string, RunOutcome>();
  /** Of the items that told their progress. */
  const stepsOf = new Map<string, number>();
  const { promise: all, resolve } = Promise.withResolvers<ReadonlyMap<string, RunOutcome>>();

  function store(itemId: string, outcome: RunOutcome): void {
    outcomes.set(itemId, outcome);
    if (outcomes.size === batch.items.length) resolve(outcomes);
  }

  function end(itemId: string, outcome: RunOutcome): void {
    if (open.delete(itemId)) store(itemId, outcome);
  }

  function endAll(outcome: RunOutcome): void {
    for (const id of [...open]) end(id, outcome);
  }

  async function succeed(message: ResultMessage): Promise<void> {
    // Closed before the files are read, so that a process that dies meanwhile cannot end the item a second time.
    if (!open.delete(message.id)) return;
    store(message.id, await outcomeOf(message, source));
  }

  return {
    all,
    receive(message) {
      if (message.type === 'progress' && open.has(message.id)) {
        stepsOf.set(message.id, message.steps);
        events.onProgress(message.id, message.step, message.steps);
      } else if (message.type === 'preview' && open.has(message.id)) {
        const { id, step, contentType, width, height, data } = message;
        const body = Buffer.from(data, 'base64');
        const steps = stepsOf.get(id) ?? step;
        events.onPreview?.(id, { step, steps, contentType, width, height, body });
      } else if (message.type === 'delta' && open.has(message.id)) {
        events.onDelta?.(message.id, message.text);
      } else if (message.type === 'result') {
        succeed(message);
      } else if (message.type === 'failed' && message.scope === 'item') {
        end(message.id, failureOf(message, message.gpuMs, source.log));
      } else if (
        message.type === 'failed' &&
        message.scope === 'batch' &&
        message.batchId === batch.batchId
      ) {
        endAll(failureOf(message, 0, source.log));
      }
    },
    lose(gpuMs, reason) {
      const shareMs = Math.round(gpuMs / Math.max(1, open.size));
      if (reason === 'worker_lost') endAll(lostOutcome(shareMs));
      else endAll(failedOutcome(reason, batch.items.length > 1, shareMs));
    },
  };
}

/** What remains of an item whose runner is gone. */
export function lostOutcome(gpuMs: number): FailedOutcome {
  return failedOutcome('worker_lost', true, gpuMs);
}

/** Only what is wrong with the input is told to a tenant; any other text stays in the logs. */
export function failedOutcome(
  code: FailedOutcome['code'],
  retryable: boolean,
  gpuMs: number,
  message?: string,
): FailedOutcome {
  return { kind: 'failed', code, message: message ?? jobErrors[code].text, retryable, gpuMs };
}

async function outcomeOf(
  message: ResultMessage,
  {
    ready,
    scratchDir,
    log,
  }: { readonly ready: ReadyMessage; readonly scratchDir: string; readonly log: Log },
): Promise<RunOutcome> {
  const { id, gpuMs, seeds, unknownWords, answer } = message;
  try {
    const files = await readResultFiles(scratchDir, message.files);
    return {
      kind: 'succeeded',
      files,
      gpuMs,
      seeds,
      unknownWords,
      engine: ready.engine,
      versions: ready.versions,
      ...(answer === undefined ? {} : { answer }),
    };
  } catch (err) {
    log.error('runner.file_refused', { itemId: id, reason: err instanceof Error ? err.message : 'unknown' });
    return failedOutcome('model_error', true, gpuMs);
  }
}

function failureOf(message: FailedMessage, gpuMs: number, log: Log): RunOutcome {
  const { code, retryable } = message;
  if (code === 'CANCELLED') return { kind: 'canceled', gpuMs };
  if (code === 'INVALID_INPUT') return failedOutcome('invalid_input', false, gpuMs, message.message);
  log.warn('runner.failure', { code, scope: message.scope, message: message.message });
  switch (code) {
    case 'OOM':
      return failedOutcome('out_of_memory', retryable, gpuMs);
    case 'NAN_OUTPUT':
      return failedOutcome('nan_output', retryable, gpuMs);
    case 'ADAPTER_INVALID':
      return failedOutcome('adapter_error', retryable, gpuMs);
    case 'MODEL_NOT_LOADED':
    case 'CUDA_FATAL':
      return lostOutcome(gpuMs);
    case 'DEADLINE':
    case 'INTERNAL':
      return failedOutcome('model_error', retryable, gpuMs);
  }
}
