/** The host's end of one connection: what its worker may ask, and the runners that it asked for. */
import { basename } from 'node:path';
import type { Log } from '#core/ports/process.ts';
import type { HostAnswer, HostRequest } from '../protocol/host-messages.ts';
import { removeFolder } from './remove-folder.ts';
import type { HostedRunner, OutputLine, RunnerHost } from './runner-host.ts';

export interface WorkerSessionOptions {
  readonly host: RunnerHost;
  /** The folders of models that runners may be given. */
  readonly modelsDirs: readonly string[];
  readonly log: Log;
  readonly send: (answer: HostAnswer) => void;
  /** For lines that may be lost: a worker that does not read must not fill this process, nor stop a runner. */
  readonly sendIfRead: (answer: HostAnswer) => void;
}

/** What a driver or a system says of an error may be a page. */
const reasonCharactersMax = 500;

type StartRequest = Extract<HostRequest, { type: 'start' }>;

export class WorkerSession {
  readonly #options: WorkerSessionOptions;
  /** By the worker's id; null when it could not be started. Ids are used once, so none is forgotten. */
  readonly #runners = new Map<number, Promise<HostedRunner | null>>();
  #isOver = false;

  constructor(options: WorkerSessionOptions) {
    this.#options = options;
  }

  /** False for what no worker says. */
  receive(request: Exclude<HostRequest, { type: 'hello' | 'ping' }>): boolean {
    switch (request.type) {
      case 'start':
        if (this.#runners.has(request.id)) return false;
        this.#runners.set(request.id, this.#start(request));
        return true;
      case 'kill':
        void this.#runners.get(request.id)?.then((runner) => runner?.kill());
        return true;
      case 'memory':
        void this.#tellMemory(request);
        return true;
      case 'card':
        void this.#tellCard(request.ask);
        return true;
    }
  }

  /** Ends every runner, and resolves once they and their folders are gone. */
  async end(): Promise<void> {
    this.#isOver = true;
    const { log } = this.#options;
    const runners = (await Promise.all(this.#runners.values())).filter((runner) => runner !== null);
    for (const runner of runners) runner.kill();
    await Promise.all(runners.map(({ end }) => end));
    for (const { scratchDir } of runners) {
      await removeFolder(scratchDir).catch((error: unknown) => {
        log.warn('host.scratch_left', { reason: String(error) });
      });
    }
  }

  async #start({ id, engine, modelsDir, memoryMaxMb }: StartRequest): Promise<HostedRunner | null> {
    const { host, modelsDirs, log, send } = this.#options;
    try {
      if (!modelsDirs.includes(modelsDir)) throw new Error('the folder of models is none of this host');
      const onOutput = (line: OutputLine) => this.#options.sendIfRead({ type: 'output', id, ...line });
      const ask = { engine, modelsDir, memoryMaxMb: memoryMaxMb ?? undefined, onOutput };
      const runner = await host.start(ask);
      send({ type: 'started', id, pid: runner.pid, folder: basename(runner.scratchDir) });
      log.info('host.started', { id, pid: runner.pid, engine });
      runner.end.then((end) => {
        if (!this.#isOver) send({ type: 'ended', id, ...end });
        log.info('host.ended', { id, pid: runner.pid, ...end });
      });
      return runner;
    } catch (error) {
      const reason = reasonOf(error);
      log.warn('host.not_started', { id, engine, reason });
      send({ type: 'not_started', id, reason });
      return null;
    }
  }

  async #tellMemory({ ask, id }: Extract<HostRequest, { type: 'memory' }>): Promise<void> {
    const runner = await this.#runners.get(id);
    const residentMb = (await runner?.residentMb()) ?? null;
    this.#options.send({ type: 'memory', ask, residentMb });
  }

  async #tellCard(ask: number): Promise<void> {
    const { host, send } = this.#options;
    try {
      const seen = await host.readCard();
      const { busyPercent = null, memoryBytes = null } = seen ?? {};
      send({ type: 'card', ask, reading: seen === null ? null : { busyPercent, memoryBytes } });
    } catch (error) {
      send({ type: 'card_not_seen', ask, reason: reasonOf(error) });
    }
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, reasonCharactersMax);
}
