/** A runner whose results carry the prompt they were made from, so that a result in the wrong hands is recognised. */
import { createHash } from 'node:crypto';
import { chatTexts } from '#core/chat/messages.ts';
import type { RunBatch, RunEvents, Runner, RunOutcome } from '#core/ports/runner.ts';
import type { Preview } from '#core/stream/text-piece.ts';
import { shareOf } from '../memory/memory-runner.ts';
import { checkAdapters } from './adapters.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { checkPictures } from './pictures.ts';

/** Enough for a few results to reach the smallest `storage_gb_max`. */
const resultBytes = 400;

export function watchRunner(runner: Runner, history: History, workerId: string): Runner {
  return {
    ...runner,
    async run(batch, events) {
      for (const { id } of batch.items) noteRun(history, batch, { id, workerId });
      checkMemory(history, batch);
      checkAdapters(history, batch);
      checkPictures(history, batch);
      const outcomes = await runner.run(batch, saying(batch, events));
      return new Map([...outcomes].map(([id, outcome]) => [id, withPrompt(batch, id, outcome)]));
    },
  };
}

function noteRun(
  history: History,
  { model }: RunBatch,
  { id, workerId }: { readonly id: string; readonly workerId: string },
): void {
  history.runs.set(id, (history.runs.get(id) ?? 0) + 1);
  const { model: asked, attempt, place } = history.stored.get(id) ?? {};
  // A worker that lost the job may begin it all the same: that is no beginning of the attempt that another one has now.
  if (attempt !== undefined && place?.kind === 'lease' && place.workerId === workerId)
    history.stops.begun.set(id, attempt);
  if (asked !== model) violate(history, 'I9', `${id} asked for ${asked} and is run by ${model}`);
}

/** No tenant's jobs of one call take more of the card than any of them was admitted with. */
function checkMemory(history: History, { items }: RunBatch): void {
  const jobs = items.flatMap(({ id }) => history.stored.get(id) ?? []);
  for (const { tenantId, allotmentMb } of jobs) {
    if (allotmentMb === null) continue;
    const own = jobs.filter((each) => each.tenantId === tenantId);
    const takenMb = own.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
    if (takenMb > allotmentMb) violate(history, 'I4', `${tenantId} takes ${takenMb} MB of ${allotmentMb}`);
  }
}

function withPrompt(batch: RunBatch, id: string, outcome: RunOutcome): RunOutcome {
  if (outcome.kind !== 'succeeded') return outcome;
  const files = outcome.files.map((file, index) => {
    const body = new TextEncoder().encode(resultOf(batch, id, index));
    return { ...file, body, sha256: createHash('sha256').update(body).digest('hex') };
  });
  return { ...outcome, files };
}

function resultOf({ items }: RunBatch, id: string, index: number): string {
  const params = items.find((item) => item.id === id)?.params ?? {};
  const prompt = params.prompt ?? chatTexts(params).join(' ');
  return `${id} ${index} ${String(prompt)}`.padEnd(resultBytes);
}

/** As runners do: a chat says what adds up to its result, a picture is shown halfway; no model does both. */
function saying(batch: RunBatch, events: RunEvents): RunEvents {
  return {
    onProgress(id, step, steps) {
      events.onProgress(id, step, steps);
      if (isChat(batch, id)) events.onDelta?.(id, shareOf(resultOf(batch, id, 0), step, steps));
      else if (step === Math.ceil(steps / 2)) events.onPreview?.(id, previewOf(id, step, steps));
    },
  };
}

function isChat({ items }: RunBatch, id: string): boolean {
  return items.some((item) => item.id === id && item.params.messages !== undefined);
}

/** Carries the id of its job, so that one in the wrong hands is recognised. */
function previewOf(id: string, step: number, steps: number): Preview {
  const body = new TextEncoder().encode(id);
  return { step, steps, contentType: 'image/jpeg', width: 1, height: 1, body };
}
