/**
 * A whole deployment in one event loop: stores that lag and lie, API processes, workers, the sweep and the scaler, each
 * with a clock of its own, each killable between any two calls. The flows are the product's own, unchanged.
 */
import type { CostSettings } from '#core/billing/cost-settings.ts';
import { costSettings } from '#core/billing/cost-settings.ts';
import type { Catalog } from '#core/models/manifest.ts';
import { createCatalog } from '#core/models/manifest.ts';
import type { Scaler } from '#core/ports/pools.ts';
import type { Ids } from '#core/ports/process.ts';
import type { MemoryWorld } from '../memory/memory-world.ts';
import type { RecordingLog } from '../memory/recording-log.ts';
import { createRecordingLog } from '../memory/recording-log.ts';
import { createSeededIds } from '../memory/seeded-ids.ts';
import type { Random } from '../random.ts';
import { batchChance, startBatchers } from './batches.ts';
import type { OutsidePorts, Service } from './calls.ts';
import { startController } from './controller.ts';
import type { DeadLetters } from './dead-letters.ts';
import { createDeadLetters, startDeadLetters } from './dead-letters.ts';
import { startDeliverers } from './deliverers.ts';
import type { FaultPlan } from './faults.ts';
import { createFaultPlan } from './faults.ts';
import type { Call, Outside } from './faulty-ports.ts';
import { portsFor } from './faulty-ports.ts';
import { fleetAsTold, refusals } from './fleet-as-told.ts';
import type { History } from './history.ts';
import { createHistory } from './history.ts';
import { watchLimits } from './limit-checker.ts';
import type { Loop } from './loop.ts';
import { createLoop } from './loop.ts';
import { withPictures } from './pictures.ts';
import { portionChance } from './portions.ts';
import type { Process, Role } from './process.ts';
import { createProcess } from './process.ts';
import { queueBoundsOf } from './quirks.ts';
import type { Scenario } from './scenario.ts';
import { instancePrices, manifests } from './scenario.ts';
import type { SimFleet } from './sim-fleet.ts';
import { createSimFleet } from './sim-fleet.ts';
import { startWorker } from './sim-worker.ts';
import { watchFleet, watchWork } from './stop-checker.ts';
import { createStores } from './stores.ts';
import type { Webhooks } from './webhooks.ts';
import { createWebhooks } from './webhooks.ts';

/** What is there before any process is. */
export interface Ground {
  readonly loop: Loop;
  readonly random: Random;
  readonly scenario: Scenario;
  readonly history: History;
  readonly plan: FaultPlan;
  readonly log: RecordingLog;
  readonly ids: Ids;
  readonly catalog: Catalog;
  /** The stores themselves, without faults: for the checker, and for setting the scene. */
  readonly stores: MemoryWorld;
  readonly webhooks: Webhooks;
  readonly deadLetters: DeadLetters;
  /** Draws how many read a job in portions; null: nobody does. */
  readonly portions: (() => number) | null;
  readonly costs: CostSettings;
  /** Calls by site. */
  readonly callCounts: Map<string, number>;
  /** Requests that were turned away and sent again, beside the calls. */
  retries(): number;
  isDown(service: Service): boolean;
  isHealed(): boolean;
  /** What looks for work every so often waits this many times as long: most of a long wait for the last retry is looks at nothing. */
  lookPace(): number;
  /** From now on the outside behaves. */
  heal(): void;
  /** From now on any call may fail once more. */
  relapse(): void;
}

export interface World extends Ground {
  readonly fleet: SimFleet;
  /**
   * An API process that lives, and its view of the outside.
   * @param flow what it runs, for the report @default 'api'
   */
  api(flow?: string): Running;
  /** A fresh process that closes months, as a tick or an operator starts one. */
  closer(): Running;
  /** Every process that the fleet does not look after. */
  processes(): Process[];
}

/** A process and the outside as it sees it. */
export interface Running {
  readonly process: Process;
  readonly ports: OutsidePorts;
}

const apiProcesses = 2;
const delivererProcesses = 2;
const batcherProcesses = 2;
/** Of the requests in a storm (reliability.md row 7). */
const stormRate = 0.3;

export interface WorldOptions {
  /** Kinds of faults that are left out. */
  readonly without: ReadonlySet<string>;
  /** `site kind` to strike above all. @default what the seed favours */
  readonly favour?: string | undefined;
  /** Is told of every call, in a line. */
  readonly trace?: ((line: string) => void) | undefined;
}

export function createWorld(scenario: Scenario, random: Random, options: WorldOptions): World {
  const { trace } = options;
  const ground = createGround(scenario, random, options);
  const { loop } = ground;
  let started = 0;
  const views = new WeakMap<Process, Map<string, Running>>();

  function start(role: Role): Running {
    started += 1;
    const skewMs = Math.round((2 * random() - 1) * scenario.skewMsMax);
    const process = createProcess(loop, `${role}-${started}`, role, skewMs);
    return { process, ports: portsFor(process, outside, role) };
  }

  /** The process, with each call named after the flow that makes it. */
  function runningFlow({ process }: Running, flow: string): Running {
    const flows = views.get(process) ?? new Map<string, Running>();
    views.set(process, flows);
    const running = flows.get(flow) ?? { process, ports: portsFor(process, outside, flow) };
    flows.set(flow, running);
    return running;
  }

  const fleet: SimFleet = createSimFleet({
    loop,
    random,
    isShort: () => !ground.isHealed() && scenario.troubles.has('shortage'),
    isRefused: refusals(ground),
    startWorker: (pool) => startWorker(ground, start('worker'), pool, (worker) => fleet.ended(worker)),
  });
  const scaler: Scaler = { wake: async (pool) => controller.wake(pool) };
  const { callCounts } = ground;
  const outside: Outside = {
    ...ground,
    ports: {
      ...ground.stores,
      fleet: fleetAsTold(ground, watchFleet(fleet, ground)),
      scaler,
      outbound: withPictures(ground.webhooks.outbound, ground.history),
    },
    absenceOf: (service: Service) =>
      ground.isDown(service) ? (scenario.outage?.isDeaf ? 'deaf' : 'down') : null,
    isThrottled: () => scenario.isStorm && !ground.isHealed() && random() < stormRate,
    onRetry: ground.onRetry,
    onCall(call: Call) {
      callCounts.set(call.site, (callCounts.get(call.site) ?? 0) + 1);
      if (call.fault !== null && call.fault !== 'slow') ground.history.stops.struck.add(call.process.name);
      trace?.(lineOf(call, loop.clock.nowMs() - scenario.startMs));
    },
  };
  const apis = Array.from({ length: apiProcesses }, () => reviving(() => start('api')));
  const [sweeper, decider] = [reviving(() => start('sweep')), reviving(() => start('scaler'))];
  const controller = startController(ground, { sweeper, decider });
  const deliverers = Array.from({ length: delivererProcesses }, () => reviving(() => start('deliverer')));
  if (scenario.hasWebhooks) startDeliverers(ground, deliverers);
  const isOfBatches = batchChance(scenario.seed) !== null;
  const batchers = Array.from({ length: isOfBatches ? batcherProcesses : 0 }, () =>
    reviving(() => start('batcher')),
  );
  startBatchers(ground, batchers);
  const answerers = scenario.quirks.has('aside') ? [reviving(() => start('dead_letters'))] : [];
  for (const answerer of answerers) startDeadLetters(ground, answerer);

  return {
    ...ground,
    fleet,
    api: (flow = 'api') => runningFlow((apis[Math.floor(random() * apis.length)] ?? sweeper)(), flow),
    closer: () => start('closer'),
    processes: () =>
      [...apis, sweeper, decider, ...deliverers, ...batchers, ...answerers].map(
        (running) => running().process,
      ),
  };
}

/** Of every world: to read schemas takes longer than a short one. */
const catalog = createCatalog(manifests);

/** After so long without a fault hardly anything is left but messages that wait out hours. */
const settledMs = 10 * 60_000;
const settledPace = 10;

interface OwnGround extends Ground {
  onRetry(): void;
}

function createGround(scenario: Scenario, random: Random, { without, favour }: WorldOptions): OwnGround {
  const { outage, pricing } = scenario;
  const loop = createLoop(scenario.startMs);
  const history = createHistory();
  const plan = createFaultPlan(random, { seed: scenario.seed, isCalm: scenario.isCalm, without, favour });
  const ids = createSeededIds(scenario.seed);
  const costs = costSettings({ pricing, instancePrices }, catalog);
  if (costs.kind !== 'settings') throw new Error('no prices were given that a pool could lack');
  const deadLetters = createDeadLetters(loop);
  const stores = createStores({
    ...{ loop, random, scenario, history, ids, isHealed: () => isHealed },
    queue: queueBoundsOf(scenario),
    putAside: deadLetters.put,
  });
  let isHealed = false;
  let healedAtMs = 0;
  let retries = 0;
  return {
    loop,
    random,
    scenario,
    history,
    plan,
    ids,
    log: createRecordingLog(),
    catalog,
    costs: costs.settings,
    stores: watchWork(watchLimits(stores, history), { loop, history, scenario }),
    deadLetters,
    webhooks: createWebhooks({ loop, scenario, history, isHealed: () => isHealed }),
    portions: portionChance(scenario.seed),
    callCounts: new Map(),
    retries: () => retries,
    onRetry() {
      retries += 1;
    },
    isDown(service) {
      const nowMs = loop.clock.nowMs();
      return outage?.service === service && outage.fromMs <= nowMs && nowMs < outage.toMs;
    },
    isHealed: () => isHealed,
    lookPace: () => (isHealed && loop.clock.nowMs() - healedAtMs > settledMs ? settledPace : 1),
    heal() {
      isHealed = true;
      healedAtMs = loop.clock.nowMs();
      plan.heal();
    },
    relapse() {
      isHealed = false;
      plan.relapse();
    },
  };
}

/** One call as a line: seconds, who, what, with which ids, and what befell it. */
function lineOf({ process, site, fault, args }: Call, atMs: number): string {
  const named = args.flatMap((arg) => {
    if (typeof arg === 'string') return [arg];
    if (typeof arg !== 'object' || arg === null) return [];
    return Object.entries(arg).flatMap(([name, value]) =>
      typeof value === 'string' && /Id$|^token$|^reservation$|^status$/.test(name) ? [value] : [],
    );
  });
  return `${(atMs / 1000).toFixed(3)} ${process.name} ${site} ${named.join(' ')}${fault === null ? '' : ` [${fault}]`}`;
}

/** A place for a process; one that died is started anew when it is asked for, as a Lambda is. */
function reviving(start: () => Running): () => Running {
  let running: Running | null = null;
  return () => {
    if (running === null || running.process.isDead()) running = start();
    return running;
  };
}
