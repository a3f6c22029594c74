/**
 * A runner in memory: takes simulated time per step and writes a small text per image, shown after every second step to
 * those who look, or one that repeats a chat. What
 * it does with a job is said by the job's own input, as with the fake engine: `steps` or `max_tokens`, `step_ms`, `n`, and
 * `fault`.
 */
import { createHash } from 'node:crypto';
import { chatTexts } from '#core/chat/messages.ts';
import type { Clock } from '#core/ports/process.ts';
import type { RunItem, Runner, RunOutcome } from '#core/ports/runner.ts';
import type { Preview } from '#core/stream/text-piece.ts';

export interface MemoryRunner extends Runner {
  /** Ids of the items of every call so far, in order. */
  readonly calls: readonly (readonly string[])[];
  /** What items were run with last, by their ids. */
  readonly inputs: ReadonlyMap<string, RunItem['params']>;
}

const faults = {
  oom: 'out_of_memory',
  error: 'model_error',
  nan: 'nan_output',
  crash: 'worker_lost',
} as const;

export function createMemoryRunner({ clock, loadMs }: { clock: Clock; loadMs: number }): MemoryRunner {
  const resident = new Set<string>();
  const canceled = new Set<string>();
  const calls: string[][] = [];
  const inputs = new Map<string, RunItem['params']>();

  return {
    calls,
    inputs,
    async load(model, revision) {
      const key = `${model}@${revision}`;
      if (resident.has(key)) return { kind: 'loaded', loadMs: 0 };
      await clock.sleep(loadMs);
      resident.add(key);
      return { kind: 'loaded', loadMs };
    },
    async run(batch, events) {
      calls.push(batch.items.map(({ id }) => id));
      for (const { id, params } of batch.items) inputs.set(id, params);
      for (const { id } of batch.items) canceled.delete(id);
      const startedAtMs = clock.nowMs();
      const steps = Math.max(...batch.items.map(stepsOf));
      for (let step = 1; step <= steps; step += 1) {
        await clock.sleep(Math.max(...batch.items.map((item) => numberOf(item, 'step_ms', 10))));
        for (const item of batch.items) {
          if (canceled.has(item.id)) continue;
          events.onProgress(item.id, step, steps);
          if (item.params.messages !== undefined)
            events.onDelta?.(item.id, shareOf(answerText(item), step, steps));
          else if (step % 2 === 0 && step < steps) events.onPreview?.(item.id, previewOf(item, step, steps));
        }
      }
      const gpuMs = Math.ceil((clock.nowMs() - startedAtMs) / batch.items.length);
      const hasCrash = batch.items.some((item) => item.params.fault === 'crash');
      return new Map(batch.items.map((item) => [item.id, outcomeOf(item, gpuMs, hasCrash, canceled)]));
    },
    cancel: (itemId) => void canceled.add(itemId),
    resident: () => new Set(resident),
  };
}

function outcomeOf(
  item: RunItem,
  gpuMs: number,
  hasCrash: boolean,
  canceled: ReadonlySet<string>,
): RunOutcome {
  const fault = hasCrash ? 'crash' : item.params.fault;
  if (typeof fault === 'string' && fault in faults) {
    // `in` just said that it is one of them.
    const code = faults[fault as keyof typeof faults];
    return { kind: 'failed', code, message: fault, retryable: code !== 'model_error', gpuMs };
  }
  if (canceled.has(item.id)) return { kind: 'canceled', gpuMs };
  if (item.params.messages !== undefined) return answerTo(item, gpuMs);
  const files = Array.from({ length: numberOf(item, 'n', 1) }, (_, index) => textFile(`${item.id} ${index}`));
  const seeds = [numberOf(item, 'seed', 0)];
  return { kind: 'succeeded', files, gpuMs, seeds, unknownWords: [], engine: 'memory', versions: {} };
}

function answerTo(item: RunItem, gpuMs: number): RunOutcome {
  const texts = chatTexts(item.params);
  const answer = {
    finishReason: 'stop',
    promptTokens: texts.length,
    completionTokens: stepsOf(item),
  } as const;
  const files = [textFile(answerText(item))];
  const seeds = [numberOf(item, 'seed', 0)];
  return {
    kind: 'succeeded',
    files,
    gpuMs,
    seeds,
    unknownWords: [],
    engine: 'memory',
    versions: {},
    answer,
  };
}

function answerText(item: RunItem): string {
  return `${item.id} 0 ${chatTexts(item.params).join(' ')}`;
}

/** What is said in this step of a text that is said evenly: all steps together say it once. */
export function shareOf(text: string, step: number, steps: number): string {
  const endOf = (each: number) => Math.floor((text.length * each) / steps);
  return text.slice(endOf(step - 1), endOf(step));
}

function previewOf({ id }: RunItem, step: number, steps: number): Preview {
  const body = new TextEncoder().encode(`${id} after ${step}`);
  return { step, steps, contentType: 'image/jpeg', width: 8, height: 8, body };
}

function stepsOf(item: RunItem): number {
  return numberOf(item, 'steps', numberOf(item, 'max_tokens', 1));
}

function textFile(text: string) {
  const body = new TextEncoder().encode(text);
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { type: 'text', contentType: 'text/plain', body, sha256 } as const;
}

function numberOf(item: RunItem, name: string, otherwise: number): number {
  const value = item.params[name];
  return typeof value === 'number' ? value : otherwise;
}
