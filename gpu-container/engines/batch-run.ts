/**
 * One batch on its way through an engine: turns what the engine does into frames, and guarantees that every item
 * ends in exactly one of them whatever the engine does or leaves undone.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { protocolLimits } from '#core/limits.ts';
import type { FailureCode, ResultFile, RunMessage, RunnerMessage } from '../protocol/messages.ts';
import type { Engine, ItemEnd, OutputFile, PreviewPicture, RunContext } from './engine.ts';
import { EngineFault, isRetryable } from './engine.ts';

interface OpenItem {
  /** Place in the batch, which names the item's files: an id may hold any character. */
  readonly index: number;
  readonly files: ResultFile[];
  readonly stopAtMs: number;
  lastStep: number;
  isCanceled: boolean;
}

export class BatchRun implements RunContext {
  readonly #message: RunMessage;
  readonly #send: (message: RunnerMessage) => void;
  readonly #open: Map<string, OpenItem>;
  #lacksRoom = false;

  /** Deadlines count from here, so make it when `accepted` is sent. */
  constructor(message: RunMessage, send: (message: RunnerMessage) => void) {
    this.#message = message;
    this.#send = send;
    this.#open = new Map(
      message.items.map(({ id, deadlineMs }, index) => {
        const stopAtMs = performance.now() + (deadlineMs ?? Number.POSITIVE_INFINITY);
        return [id, { index, files: [], stopAtMs, lastStep: 0, isCanceled: false }];
      }),
    );
  }

  /** Runs to the end. Throws only what makes the process unusable. */
  async execute(engine: Engine): Promise<void> {
    try {
      await engine.run(this.#message, this);
      this.#failOpen('INTERNAL', 'the engine left the item open');
    } catch (err) {
      if (err instanceof EngineFault && err.code === 'CUDA_FATAL') throw err;
      this.#lacksRoom = isWithoutRoom(err);
      this.#failOpen(err instanceof EngineFault ? err.code : 'INTERNAL', textOf(err));
    }
  }

  /** Marks an open item to be stopped; any other id changes nothing. */
  cancel(itemId: string): void {
    const item = this.#open.get(itemId);
    if (item !== undefined) item.isCanceled = true;
  }

  isStopped(itemId: string): boolean {
    const item = this.#open.get(itemId);
    return item === undefined || item.isCanceled || item.stopAtMs <= performance.now();
  }

  progress(itemId: string, step: number, steps: number): void {
    const item = this.#openItem(itemId);
    if (step <= item.lastStep || step > steps) {
      throw new Error(`progress went from ${item.lastStep} to ${step} of ${steps}`);
    }
    item.lastStep = step;
    this.#send({ type: 'progress', id: itemId, step, steps });
  }

  get wantsPreviews(): boolean {
    return this.#message.previews === true;
  }

  preview(itemId: string, step: number, { body, ...shape }: PreviewPicture): void {
    this.#openItem(itemId);
    const data = Buffer.from(body).toString('base64');
    if (data.length > protocolLimits.previewCharactersMax) return;
    this.#send({ type: 'preview', id: itemId, step, ...shape, data });
  }

  delta(itemId: string, text: string): void {
    this.#openItem(itemId);
    this.#send({ type: 'delta', id: itemId, text });
  }

  async write(itemId: string, file: OutputFile): Promise<void> {
    const { index, files } = this.#openItem(itemId);
    const path = `${index}-${files.length}.${file.extension}`;
    files.push(fileEntry(path, file));
    await writeFile(join(this.#message.scratchDir, path), file.body, { flag: 'wx' });
  }

  end(itemId: string, end: ItemEnd): void {
    const item = this.#openItem(itemId);
    this.#open.delete(itemId);
    const message = endMessage(itemId, item, end);
    // No fault of the item: on another worker, or here when there is room again, it may end well.
    this.#send(this.#lacksRoom && message.type === 'failed' ? { ...message, retryable: true } : message);
  }

  #openItem(itemId: string): OpenItem {
    const item = this.#open.get(itemId);
    if (item === undefined) throw new Error('the item has ended, or was never of this batch');
    return item;
  }

  #failOpen(code: FailureCode, message: string): void {
    for (const id of [...this.#open.keys()]) this.end(id, { kind: 'failed', code, message, gpuMs: 0 });
  }
}

function fileEntry(path: string, { body, contentType, width, height }: OutputFile): ResultFile {
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { path, contentType, bytes: body.byteLength, sha256, width, height };
}

function endMessage(id: string, item: OpenItem, end: ItemEnd): RunnerMessage {
  const gpuMs = Math.round(end.gpuMs);
  switch (end.kind) {
    case 'succeeded':
      return {
        type: 'result',
        id,
        files: item.files,
        seeds: [...end.seeds],
        unknownWords: [...end.unknownWords],
        gpuMs,
        ...(end.answer === undefined ? {} : { answer: end.answer }),
      };
    case 'stopped':
      return item.isCanceled
        ? itemFailure(id, 'CANCELLED', 'canceled on request', gpuMs)
        : itemFailure(id, 'DEADLINE', 'the deadline of the item passed', gpuMs);
    case 'failed':
      return itemFailure(id, end.code, end.message, gpuMs);
  }
}

function itemFailure(id: string, code: FailureCode, message: string, gpuMs: number): RunnerMessage {
  return { type: 'failed', scope: 'item', id, code, message, retryable: isRetryable(code), gpuMs };
}

/** The disk that the files go to is full, or a quota on it. */
function isWithoutRoom(err: unknown): boolean {
  return err instanceof Error && 'code' in err && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(err.code));
}

function textOf(err: unknown): string {
  return err instanceof Error ? `${err.name}: ${err.message}` : 'the engine threw no error';
}
