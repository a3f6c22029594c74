/**
 * The worker's side of a runner: the `Runner` port over a process of a runner host. It starts with the first call that
 * needs one. When it dies, falls silent or stays without progress, what it ran ends as `worker_lost` and the next call
 * starts another, so a crash costs a model load and never the worker.
 */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { chatPictures, chatTexts } from '#core/chat/messages.ts';
import { residentKey } from '#core/dispatch/choose-batch.ts';
import { tookMs } from '#core/jumping-clock.ts';
import { protocolLimits, workerLimits } from '#core/limits.ts';
import { sourcePictures } from '#core/models/source-pictures.ts';
import type { Clock, Log, LogFields } from '#core/ports/process.ts';
import type { LoadOutcome, RunBatch, RunEvents, Runner, RunOutcome } from '#core/ports/runner.ts';
import { redact, sharedRunMin, textsWithin } from '#core/redaction.ts';
import type { FailedMessage, FailureCode, RunMessage, RunnerMessage } from '../protocol/messages.ts';
import { removeFolder } from '../runner-host/remove-folder.ts';
import type { RunnerHost, RunnerStart } from '../runner-host/runner-host.ts';
import { type BatchOutcomes, collectOutcomes, failedOutcome, lostOutcome } from './batch-outcomes.ts';
import type { RunnerProcess, RunnerProcessOptions } from './runner-process.ts';
import { startRunnerProcess } from './runner-process.ts';

export interface RunnerClientOptions {
  /** Absolute path of the folder that holds one folder for each model. */
  readonly modelsDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Starts the process. */
  readonly host: RunnerHost;
  readonly engine: RunnerStart['engine'];
  /**
   * Hard cap of the process, in units of 10^6 bytes.
   * @default none
   */
  readonly memoryMaxMb?: number | undefined;
  /**
   * How long the process may answer pings and tell nothing of what was asked.
   * @default `workerLimits.patienceMsMin`
   */
  readonly patience?: Patience;
  /** Defaults: `workerLimits.runnerStartMs`, `.runnerSilenceMs`, `.drainMs`, `.memoryWatchMs`, `protocolLimits.pingMs`. */
  readonly startMs?: number;
  readonly silenceMs?: number;
  readonly drainMs?: number;
  readonly pingMs?: number;
  readonly memoryWatchMs?: number;
}

export interface Patience {
  loadMs(model: string): number;
  callMs(batch: RunBatch): number;
}

const leastPatience: Patience = {
  loadMs: () => workerLimits.patienceMsMin,
  callMs: () => workerLimits.patienceMsMin,
};

/** Some batches of the widest pool, a few texts for each job. A long chat is one text of it. */
const rememberedInputsMax = 256;

/** The items of the widest batch: what they were answered with, so far or to the end. */
const rememberedAnswersMax = 64;

/** Of an answer: its end, which is what a runner may just have printed. */
const answerCharactersMax = 20_000;

/** Of a picture: what a line would quote of it. A whole one would make every line slow to clean. */
const quotedCharactersMax = 2_000;

type LossReason = Parameters<BatchOutcomes['lose']>[1];

type LoadFailureCode = Extract<LoadOutcome, { kind: 'failed' }>['code'];

/** A client that has started nothing yet. Calls of `load` and `run` wait for each other. */
export class RunnerClient implements Runner {
  readonly #options: RunnerClientOptions;
  readonly #resident = new Set<string>();
  /** Batches handed to {@link run} that have no outcomes yet, with the items asked to stop. */
  readonly #waiting = new Map<RunBatch, Set<string>>();
  #process: RunnerProcess | null = null;
  #isClosed = false;
  #lane: Promise<unknown> = Promise.resolve();
  #onLoadEnded: ((outcome: LoadOutcome) => void) | null = null;
  /** What tenants wrote, of the last batches: what a process prints may arrive after its batch has ended. */
  #inputs: readonly string[] = [];
  /** What the last items were answered with, by id. */
  readonly #answers = new Map<string, string>();
  /** Of the batch that runs: what the process says meanwhile is about it. */
  #batchNames: LogFields = {};
  /** Of what is asked of the process now: what is left of the time that it may take without a word of it. */
  #asked: { readonly patienceMs: number; leftMs: number } | null = null;
  #running: { readonly outcomes: BatchOutcomes; readonly lose: (reason: LossReason) => void } | null = null;

  constructor(options: RunnerClientOptions) {
    this.#options = {
      ...options,
      log: withoutInputs(
        options.log,
        () => [...this.#answers.values(), ...this.#inputs],
        () => this.#batchNames,
      ),
    };
  }

  load(model: string, revision: string): Promise<LoadOutcome> {
    return this.#inLane(() => this.#load(model, revision));
  }

  async run(batch: RunBatch, events: RunEvents): Promise<ReadonlyMap<string, RunOutcome>> {
    this.#waiting.set(batch, new Set());
    try {
      return await this.#inLane(() => this.#run(batch, events));
    } finally {
      this.#waiting.delete(batch);
    }
  }

  /** Puts the model out, if it is there, before anything that is asked for later. */
  unload(model: string, revision: string): Promise<void> {
    return this.#inLane(async () => {
      if (this.#resident.delete(residentKey(model, revision, null))) {
        this.#process?.send({ type: 'unload', model, revision });
      }
    });
  }

  cancel(itemId: string): void {
    for (const [batch, canceled] of this.#waiting) {
      if (batch.items.some((item) => item.id === itemId)) canceled.add(itemId);
    }
    if (this.#running !== null) this.#process?.send({ type: 'cancel', id: itemId });
  }

  resident(): ReadonlySet<string> {
    return new Set(this.#resident);
  }

  /** Process id while a runner lives. */
  processId(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Lets running work end for `drainMs`, then ends the process. Later calls find the worker lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#process?.drain(this.#options.drainMs ?? workerLimits.drainMs);
    // A call that was starting a process while this began.
    await this.#inLane(async () => this.#process?.drain(0));
    await this.#lane;
  }

  #inLane<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#lane.then(task);
    this.#lane = result.catch(() => undefined);
    return result;
  }

  /** The living process, or a new one; null when none can be had. */
  async #ensureProcess(): Promise<RunnerProcess | null> {
    if (this.#process !== null || this.#isClosed) return this.#process;
    try {
      const started = await startRunnerProcess(processOptions(this.#options), (message) =>
        this.#receive(message),
      );
      this.#process = started;
      started.ended.then(() => this.#forget(started));
      return started;
    } catch (err) {
      this.#options.log.error('runner.not_started', { reason: reasonOf(err) });
      return null;
    }
  }

  #forget({ scratchDir, isOverMemory }: RunnerProcess): void {
    this.#process = null;
    this.#resident.clear();
    this.#onLoadEnded?.({ kind: 'failed', code: isOverMemory ? 'out_of_memory' : 'worker_lost' });
    this.#running?.lose(isOverMemory ? 'out_of_memory' : 'worker_lost');
    // Behind the call that may still read what the process left.
    void this.#inLane(() => this.#removeFolder(scratchDir));
  }

  async #removeFolder(path: string): Promise<void> {
    await removeFolder(path).catch((err: unknown) => {
      this.#options.log.warn('runner.scratch_left', { reason: reasonOf(err) });
    });
  }

  async #load(model: string, revision: string): Promise<LoadOutcome> {
    const runner = await this.#ensureProcess();
    if (runner === null) return { kind: 'failed', code: 'worker_lost' };
    const key = residentKey(model, revision, null);
    if (this.#resident.has(key)) return { kind: 'loaded', loadMs: 0 };
    this.#ask(this.#patience.loadMs(model));
    const outcome = await new Promise<LoadOutcome>((resolve) => {
      this.#onLoadEnded = resolve;
      if (this.#process === runner) runner.send({ type: 'load', model, revision });
      else resolve({ kind: 'failed', code: 'worker_lost' });
    });
    this.#onLoadEnded = null;
    this.#asked = null;
    if (outcome.kind === 'loaded' && this.#process === runner) this.#resident.add(key);
    return outcome;
  }

  async #run(batch: RunBatch, events: RunEvents): Promise<ReadonlyMap<string, RunOutcome>> {
    // Usually resident; not so when the process was replaced since the caller's own `load`.
    const loaded = await this.#load(batch.model, batch.revision);
    const runner = this.#process;
    const isTooLarge = loaded.kind === 'failed' && loaded.code === 'out_of_memory';
    if (runner === null && !isTooLarge) return sameForAll(batch, lostOutcome(0));
    if (runner === null || loaded.kind === 'failed') {
      return sameForAll(batch, unloadedOutcome(loaded.kind === 'failed' ? loaded.code : 'model_error'));
    }
    this.#inputs = [...inputTextsOf(batch), ...this.#inputs].slice(0, rememberedInputsMax);
    // By a name that nobody can tell before: the runner, whose folder it is in, could have taken it.
    const scratchDir = await mkdtemp(join(runner.scratchDir, 'batch-'));
    try {
      return await this.#runOn(runner, batch, events, scratchDir);
    } finally {
      this.#running = null;
      this.#asked = null;
      this.#batchNames = {};
      await this.#removeFolder(scratchDir);
    }
  }

  async #runOn(runner: RunnerProcess, batch: RunBatch, events: RunEvents, scratchDir: string) {
    const { clock, log } = this.#options;
    const outcomes = collectOutcomes(batch, events, { ready: runner.ready, scratchDir, log });
    const startMs = clock.nowMs();
    const lose = (reason: LossReason) => outcomes.lose(tookMs(startMs, clock.nowMs()), reason);
    const running = { outcomes, lose };
    this.#running = running;
    this.#batchNames = namesOf(batch);
    this.#ask(this.#patience.callMs(batch));
    try {
      runner.send(runMessage(batch, events, scratchDir));
    } catch (err) {
      log.error('runner.batch_refused', { batchId: batch.batchId, reason: reasonOf(err) });
      return sameForAll(batch, failedOutcome('invalid_input', false, 0, 'The input is too large.'));
    }
    for (const id of this.#waiting.get(batch) ?? []) runner.send({ type: 'cancel', id });
    // It may have ended while the batch's folder was made.
    if (this.#process !== runner) lose(runner.isOverMemory ? 'out_of_memory' : 'worker_lost');
    return await outcomes.all;
  }

  get #patience(): Patience {
    return this.#options.patience ?? leastPatience;
  }

  #ask(patienceMs: number): void {
    this.#asked = { patienceMs, leftMs: patienceMs };
  }

  /**
   * Pings are answered beside the device, so an answer alone shows no progress. In pings, not by the clock, as silence is:
   * time in which this process was stopped counts for nothing.
   */
  #lookForProgress(message: RunnerMessage): void {
    if (this.#asked === null) return;
    const { patienceMs, leftMs } = this.#asked;
    const nextMs =
      message.type === 'pong' ? leftMs - (this.#options.pingMs ?? protocolLimits.pingMs) : patienceMs;
    this.#asked.leftMs = nextMs > 0 ? nextMs : patienceMs;
    if (nextMs <= 0) this.#process?.kill('no progress');
  }

  #receive(message: RunnerMessage): void {
    const { log } = this.#options;
    this.#lookForProgress(message);
    this.#running?.outcomes.receive(message);
    if (message.type === 'loaded') this.#onLoadEnded?.({ kind: 'loaded', loadMs: message.ms });
    else if (message.type === 'delta') this.#remember(message.id, message.text);
    else if (message.type === 'log') log[message.level](message.event, message.fields);
    else if (message.type === 'stats') log.info('runner.stats', { memoryBytes: message.memoryBytes });
    else if (message.type === 'failed' && message.scope !== 'item') this.#receiveFailure(message);
  }

  #remember(itemId: string, text: string): void {
    const answer = `${this.#answers.get(itemId) ?? ''}${text}`.slice(-answerCharactersMax);
    this.#answers.delete(itemId);
    this.#answers.set(itemId, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > rememberedAnswersMax && oldest !== undefined) this.#answers.delete(oldest);
  }

  #receiveFailure({ scope, code, message }: FailedMessage): void {
    this.#options.log.error('runner.failed', { scope, code, message });
    if (scope === 'model') this.#onLoadEnded?.({ kind: 'failed', code: loadFailureOf(code) });
    // The runner knows better what it holds.
    else if (code === 'MODEL_NOT_LOADED') this.#resident.clear();
  }
}

function processOptions(options: RunnerClientOptions): RunnerProcessOptions {
  return {
    host: options.host,
    engine: options.engine,
    modelsDir: options.modelsDir,
    startMs: options.startMs ?? workerLimits.runnerStartMs,
    silenceMs: options.silenceMs ?? workerLimits.runnerSilenceMs,
    pingMs: options.pingMs ?? protocolLimits.pingMs,
    memoryWatchMs: options.memoryWatchMs ?? workerLimits.memoryWatchMs,
    memoryMaxMb: options.memoryMaxMb,
    clock: options.clock,
    log: options.log,
  };
}

function runMessage(
  { batchId, model, revision, items, adapters = [] }: RunBatch,
  events: RunEvents,
  scratchDir: string,
): RunMessage {
  return {
    type: 'run',
    batchId,
    model,
    revision,
    scratchDir,
    items: items.map(({ id, params }) => ({ id, params, deadlineMs: null })),
    adapters: adapters.map((adapter) => ({ ...adapter })),
    ...(events.onPreview === undefined ? {} : { previews: true }),
  };
}

/** Long chats come as one text each and before all short ones, so that none crowds out its batch mates. */
function inputTextsOf({ items }: RunBatch): string[] {
  const texts = items.flatMap(({ params: { messages: _messages, image: _image, mask: _mask, ...others } }) =>
    textsWithin(Object.values(others)),
  );
  const pictures = items.flatMap(({ params }) => sourcePictures(params).map(asQuoted));
  const chats = items.flatMap(({ params }) => {
    return [...chatTexts(params), ...chatPictures(params).map(asQuoted)].join('\n');
  });
  const short = items.flatMap(({ params }) => chatTexts(params).filter((text) => text.length < sharedRunMin));
  return [...texts, ...pictures, ...chats.filter((chat) => chat !== ''), ...new Set(short)];
}

function asQuoted(url: string): string {
  return url.slice(0, quotedCharactersMax);
}

function namesOf({ batchId, items, traceIds = [] }: RunBatch): LogFields {
  const jobIds = items.map(({ id }) => id).join(' ');
  return { batchId, jobIds, ...(traceIds.length === 0 ? {} : { traceIds: traceIds.join(' ') }) };
}

/** The log for lines that a runner had a hand in: its output, its errors, its own events. */
function withoutInputs(log: Log, inputs: () => readonly string[], names: () => LogFields): Log {
  const clean = (fields: LogFields = {}): LogFields => ({
    ...Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        typeof value === 'string' ? redact(value, inputs()) : value,
      ]),
    ),
    ...names(),
  });
  return {
    info: (event, fields) => log.info(redact(event, inputs()), clean(fields)),
    warn: (event, fields) => log.warn(redact(event, inputs()), clean(fields)),
    error: (event, fields) => log.error(redact(event, inputs()), clean(fields)),
  };
}

function loadFailureOf(code: FailureCode): LoadFailureCode {
  if (code === 'MODEL_NOT_LOADED') return 'no_such_model';
  return code === 'OOM' ? 'out_of_memory' : 'model_error';
}

function unloadedOutcome(code: LoadFailureCode): RunOutcome {
  if (code === 'worker_lost') return lostOutcome(0);
  return code === 'out_of_memory' ? failedOutcome(code, true, 0) : failedOutcome('model_error', false, 0);
}

function sameForAll(batch: RunBatch, outcome: RunOutcome): ReadonlyMap<string, RunOutcome> {
  return new Map(batch.items.map((item) => [item.id, outcome]));
}

function reasonOf(err: unknown): string {
  return err instanceof Error ? err.message : 'unknown';
}
