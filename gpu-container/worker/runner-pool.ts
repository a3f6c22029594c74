/**
 * The runners of one worker: one process that tenants share, and one for each tenant that is to have its own, under its
 * memory cap and with its own scratch folder, which goes with the process. Calls wait for each other: there is one
 * card.
 *
 * Where the card's memory is known, what is least recently used makes way before a model is loaded or a batch runs: a
 * model of the shared process is unloaded, a process of a tenant's own is ended.
 */
import { residentKey } from '#core/dispatch/choose-batch.ts';
import { inTheWay } from '#core/dispatch/packing.ts';
import { workerLimits } from '#core/limits.ts';
import { plannableMb } from '#core/models/memory.ts';
import type { LoadOutcome, RunBatch, RunEvents, RunNeeds, Runner, RunOutcome } from '#core/ports/runner.ts';
import type { RunnerClient } from './runner-client.ts';

export interface RunnerPoolOptions {
  /** A client that has started nothing yet; null: no cap. */
  readonly createClient: (memoryMaxMb: number | null) => RunnerClient;
  /** Memory that a model keeps while it is loaded. */
  readonly residentMb: (model: string) => number;
  /**
   * Memory of the card.
   * @default no bound is known
   */
  readonly gpuMemoryMb?: number | undefined;
  /**
   * Most processes of tenants' own.
   * @default as many as fit the card; `workerLimits.ownRunnersMax` where its memory is not known
   */
  readonly ownRunnersMax?: number;
}

interface Member {
  readonly client: RunnerClient;
  /** Whose own process it is; null: the shared one. */
  readonly tenantId: string | null;
  readonly memoryMaxMb: number | null;
}

/** Something that holds memory and can be put out. */
interface Resident {
  readonly mb: number;
  readonly usedAt: number;
  putOut(): Promise<void>;
}

const shared: RunNeeds = { peakMb: 0, tenantId: null, memoryMaxMb: null };

export class RunnerPool implements Runner {
  readonly #options: RunnerPoolOptions;
  readonly #members = new Map<string | null, Member>();
  /** When each model was last used, counted in calls; by its name among the resident ones. */
  readonly #usedAt = new Map<string, number>();
  /** Batches handed to {@link run} that no client knows of yet, with the items asked to stop. */
  readonly #waiting = new Map<RunBatch, Set<string>>();
  #calls = 0;
  #isClosed = false;
  #lane: Promise<unknown> = Promise.resolve();

  constructor(options: RunnerPoolOptions) {
    this.#options = options;
  }

  load(model: string, revision: string, needs: RunNeeds = shared): Promise<LoadOutcome> {
    return this.#inLane(async () => {
      const member = await this.#ready(model, revision, needs);
      return member.client.load(model, revision);
    });
  }

  run(batch: RunBatch, events: RunEvents): Promise<ReadonlyMap<string, RunOutcome>> {
    const canceled = new Set<string>();
    this.#waiting.set(batch, canceled);
    return this.#inLane(async () => {
      try {
        const { client } = await this.#ready(batch.model, batch.revision, batch.needs ?? shared);
        const outcomes = client.run(batch, events);
        for (const itemId of canceled) client.cancel(itemId);
        return await outcomes;
      } finally {
        this.#waiting.delete(batch);
      }
    });
  }

  cancel(itemId: string): void {
    for (const [batch, canceled] of this.#waiting) {
      if (batch.items.some(({ id }) => id === itemId)) canceled.add(itemId);
    }
    for (const { client } of this.#members.values()) client.cancel(itemId);
  }

  resident(): ReadonlySet<string> {
    const keys = [...this.#members.values()].flatMap((member) => heldBy(member).map(({ key }) => key));
    return new Set(keys.toSorted((left, right) => this.#lastUse(left) - this.#lastUse(right)));
  }

  /** Process id of every living runner, by tenant; null names the shared one. */
  processIds(): ReadonlyMap<string | null, number> {
    const living = [...this.#members].flatMap(([tenantId, { client }]) => {
      const pid = client.processId();
      return pid === null ? [] : [[tenantId, pid] as const];
    });
    return new Map(living);
  }

  /** Lets running work end, then ends every process. Later calls find the worker lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#members.values()].map(({ client }) => client.close()));
    await this.#lane;
  }

  #inLane<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#lane.then(task);
    this.#lane = result.catch(() => undefined);
    return result;
  }

  /** The runner for these needs, with room made for the model and its batch. */
  async #ready(model: string, revision: string, needs: RunNeeds): Promise<Member> {
    this.#calls += 1;
    const key = residentKey(model, revision, needs.tenantId);
    const member = await this.#memberFor(model, needs);
    this.#usedAt.set(key, this.#calls);
    const { gpuMemoryMb, residentMb } = this.#options;
    if (gpuMemoryMb === undefined) return member;
    const others = this.#residents(member, key);
    const needMb = residentMb(model) + needs.peakMb;
    for (const resident of inTheWay(others, needMb, plannableMb(gpuMemoryMb))) await resident.putOut();
    return member;
  }

  async #memberFor(model: string, needs: RunNeeds): Promise<Member> {
    const found = this.#members.get(needs.tenantId);
    if (found !== undefined && this.#stillServes(found, model, needs)) return found;
    if (found !== undefined) await this.#end(found);
    else if (needs.tenantId !== null) await this.#makePlace();
    const { tenantId, memoryMaxMb } = needs;
    const member = { client: this.#options.createClient(memoryMaxMb), tenantId, memoryMaxMb };
    this.#members.set(tenantId, member);
    if (this.#isClosed) await member.client.close();
    return member;
  }

  /**
   * A process of a tenant's own is replaced when its cap was changed, and when its other models leave no room under it
   * for this one: a process that ends gives back all that it held, which one that unloads may not.
   */
  #stillServes(member: Member, model: string, { memoryMaxMb, peakMb }: RunNeeds): boolean {
    if (member.memoryMaxMb !== memoryMaxMb) return false;
    const others = heldBy(member).filter((held) => held.model !== model);
    if (memoryMaxMb === null || others.length === 0) return true;
    const models = [model, ...others.map((held) => held.model)];
    const residentMb = models.reduce((sum, each) => sum + this.#options.residentMb(each), 0);
    return residentMb + peakMb <= memoryMaxMb;
  }

  /** Ends the idlest process of a tenant's own when there are as many as there may be. */
  async #makePlace(): Promise<void> {
    const { gpuMemoryMb, ownRunnersMax } = this.#options;
    const otherwise = gpuMemoryMb === undefined ? workerLimits.ownRunnersMax : Number.POSITIVE_INFINITY;
    const own = [...this.#members.values()].filter(({ tenantId }) => tenantId !== null);
    if (own.length < (ownRunnersMax ?? otherwise)) return;
    const [idlest] = own.toSorted((left, right) => this.#lastUseOf(left) - this.#lastUseOf(right));
    if (idlest !== undefined) await this.#end(idlest);
  }

  /** All that holds memory beside the model of `key`, least recently used first. */
  #residents(target: Member, key: string): Resident[] {
    const residents = [...this.#members.values()].flatMap((member): Resident[] => {
      const models = heldBy(member).filter((held) => held.key !== key);
      if (models.length === 0) return [];
      if (member !== target && member.tenantId !== null) return [this.#asOne(member)];
      return models.map(({ key: held, model, revision }) => ({
        mb: this.#options.residentMb(model),
        usedAt: this.#lastUse(held),
        putOut: () => member.client.unload(model, revision),
      }));
    });
    return residents.toSorted((left, right) => left.usedAt - right.usedAt);
  }

  #asOne(member: Member): Resident {
    const models = heldBy(member);
    return {
      mb: models.reduce((sum, { model }) => sum + this.#options.residentMb(model), 0),
      usedAt: this.#lastUseOf(member),
      putOut: () => this.#end(member),
    };
  }

  async #end(member: Member): Promise<void> {
    this.#members.delete(member.tenantId);
    await member.client.close();
  }

  #lastUse(key: string): number {
    return this.#usedAt.get(key) ?? 0;
  }

  #lastUseOf(member: Member): number {
    return Math.max(0, ...heldBy(member).map(({ key }) => this.#lastUse(key)));
  }
}

/** The models of a runner, with their names among all resident ones. */
function heldBy({ client, tenantId }: Member) {
  return [...client.resident()].map((name) => {
    const at = name.indexOf('@');
    const [model, revision] = [name.slice(0, at), name.slice(at + 1)];
    return { model, revision, key: residentKey(model, revision, tenantId) };
  });
}
