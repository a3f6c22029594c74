/**
 * One run: a scene drawn from a seed, a phase in which anything may fail, a phase in which nothing does, and the check.
 * The same seed gives the same run, to the last write.
 */
import { jobLimits, sweepLimits, ticketLimits, webhookLimits, workerLimits } from '#core/limits.ts';
import { createRandom } from '../random.ts';
import { runAdapters } from './adapters.ts';
import { afterHealMs, areBatchesAtRest, batchChance, bringBatches, endBatches } from './batches.ts';
import { runChaos, runNotices } from './chaos.ts';
import { endOrders, noteLimits, runClient } from './client.ts';
import { askAlike } from './copycats.ts';
import { faultKinds } from './faults.ts';
import { violate } from './history.ts';
import { bringPicture } from './pictures.ts';
import { quirks } from './quirks.ts';
import { checkAtRest } from './rest-checker.ts';
import { retryChance, runRetries } from './retries.ts';
import type { Theme } from './scenario.ts';
import { alias, bounds, drawScenario, troubles, whims } from './scenario.ts';
import { runSequel } from './sequel.ts';
import { fileChance, runFiles } from './tenant-files.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

export interface RunReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly operations: number;
  readonly jobs: number;
  readonly calls: number;
  /** Of a run in a storm: what it asked of the outside, and what the same run asks when nothing fails. */
  readonly storm: { readonly stormy: Effort; readonly calm: Effort } | null;
  /** `site kind` to how often a fault struck. */
  readonly hits: ReadonlyMap<string, number>;
  readonly sites: ReadonlySet<string>;
  /** Simulated. */
  readonly tookMs: number;
}

export interface Effort {
  /** Requests, those that were turned away and sent again too. */
  readonly requests: number;
  readonly accepted: number;
}

export interface RunOptions {
  /** Operations of all clients together. @default 30 */
  readonly operations?: number;
  /** Kinds of faults, troubles and whims to leave out. @default none */
  readonly without?: readonly string[];
  /** `site kind` to strike above all. @default what the seed favours */
  readonly favour?: string | undefined;
  /** Is told of every call to the outside, in a line. */
  readonly trace?: (line: string) => void;
}

/** @see RunOptions */
export const operationsDefault = 30;

const minute = 60_000;

/** Workers take their time to boot: most of the work is done after the last submission, and must not meet calm alone. */
const aftermathMsMax = 5 * minute;

export async function runWorld(seed: number, options: RunOptions = {}): Promise<World> {
  const random = createRandom(seed);
  const without = new Set(options.without);
  const scenario = drawScenario(seed, random, {
    operations: options.operations ?? operationsDefault,
    without,
  });
  const world = createWorld(scenario, random, { ...options, without });
  for (const tenant of scenario.tenants) {
    await world.stores.tenants.create(tenant);
    await bringPicture(world.stores, tenant.tenantId, scenario.startMs);
    noteLimits(world, tenant);
  }
  for (const endpoint of world.webhooks.endpoints()) await world.stores.endpoints.put(endpoint);
  await world.stores.aliases.put(alias);
  await chaos(world);
  await heal(world);
  await checkAtRest(world);
  const settle = async () => {
    await heal(world);
    await checkAtRest(world);
  };
  await askAlike(world, settle);
  await runSequel(world, settle);
  return world;
}

export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunReport> {
  const world = await runWorld(seed, options);
  const { loop, history, scenario } = world;
  return {
    seed,
    violations: history.violations,
    operations: history.operations,
    jobs: history.stored.size,
    calls: sum(world.callCounts.values()),
    storm: scenario.isStorm ? { stormy: effortOf(world), calm: await calmEffort(seed, options) } : null,
    hits: world.plan.hits,
    sites: new Set(world.callCounts.keys()),
    tookMs: loop.clock.nowMs() - scenario.startMs,
  };
}

/** Without what fails; the draws of the scene stay, so clients, tenants and models are the same. */
async function calmEffort(seed: number, options: RunOptions): Promise<Effort> {
  const failures: readonly Theme[] = ['outage', 'storm', 'favourite'];
  const without = [...(options.without ?? []), ...failures, ...troubles, ...whims, ...quirks, ...faultKinds];
  return effortOf(await runWorld(seed, { ...options, without }));
}

function effortOf({ callCounts, retries, history }: World): Effort {
  return { requests: sum(callCounts.values()) + retries(), accepted: history.stored.size };
}

/** Until every client has begun its last operation, and a while longer. */
async function chaos(world: World): Promise<void> {
  const { loop, scenario } = world;
  const share = Math.ceil(scenario.operations / scenario.tenants.length);
  const retries = scenario.hasRetries ? retryChance(scenario.seed) : null;
  const ofEach = (begin: (tenantId: string) => Promise<void>) =>
    scenario.tenants.map(({ tenantId }) => begin(tenantId));
  const clients = [
    ...ofEach((tenantId) => runClient(world, tenantId, share)),
    ...(scenario.hasAdapters ? ofEach((tenantId) => runAdapters(world, tenantId)) : []),
  ];
  let clientsLeft = clients.length;
  let isOver = false;
  for (const client of clients) {
    void client.then(() => {
      clientsLeft -= 1;
    });
  }
  if (retries !== null) ofEach((tenantId) => runRetries(world, tenantId, retries, () => isOver));
  const files = scenario.hasFiles ? fileChance(scenario.seed) : null;
  if (files !== null) ofEach((tenantId) => runFiles(world, tenantId, files, () => isOver));
  void bringBatches(world);
  void runChaos(world, () => isOver);
  void runNotices(world, () => isOver);
  watchOutage(world);
  await loop.run(loop.clock.nowMs() + 24 * 60 * minute, () => clientsLeft === 0 || isBroken(world));
  await loop.run(scenario.outage?.toMs ?? 0, () => isBroken(world));
  await loop.run(loop.clock.nowMs() + world.random() * aftermathMsMax, () => isBroken(world));
  isOver = true;
}

/** I10: nobody asks without end while a service answers nobody. */
function watchOutage({ loop, scenario: { outage, startMs }, history, callCounts }: World): void {
  if (outage === null) return;
  let before = 0;
  loop.after(outage.fromMs - startMs, () => {
    before = sum(callCounts.values());
  });
  loop.after(outage.toMs - startMs, () => {
    const minutes = Math.max(1, (outage.toMs - outage.fromMs) / minute);
    const perMinute = (sum(callCounts.values()) - before) / minutes;
    if (perMinute > callsPerMinuteMax)
      violate(history, 'I10', `${Math.round(perMinute)} calls a minute without ${outage.service}`);
  });
}

/** I10: what is open ends within what its repair may take, and nobody asks without end meanwhile. */
async function heal(world: World): Promise<void> {
  const { loop, history } = world;
  world.heal();
  const fromMs = loop.clock.nowMs();
  const callsBefore = sum(world.callCounts.values());
  const untilMs = fromMs + boundMs(world);
  // Asked every few simulated seconds: asking after every event would cost more than the run itself.
  let isQuiet = false;
  while (!isQuiet && !isBroken(world) && loop.clock.nowMs() < untilMs) {
    await loop.run(loop.clock.nowMs() + 3_000);
    // Again and again: a process that was held carries out a pause late.
    await endOrders(world);
    if (loop.clock.nowMs() >= fromMs + afterHealMs) await endBatches(world);
    isQuiet = await isAtRest(world);
  }
  if (!isQuiet && !isBroken(world))
    violate(history, 'I10', `not at rest ${(untilMs - fromMs) / minute} minutes after healing`);
  const minutes = Math.max(1, (loop.clock.nowMs() - fromMs) / minute);
  const perMinute = (sum(world.callCounts.values()) - callsBefore) / minutes;
  if (perMinute > callsPerMinuteMax)
    violate(history, 'I10', `${Math.round(perMinute)} calls a minute while healing`);
}

/** Progress is written twice a second for each of a dozen jobs under way, tickets come back every five seconds. */
const callsPerMinuteMax = 6_000;

/**
 * Held processes go on, lost tickets are sent again by the second sweep, leases and visibilities run out, and what is
 * open then runs, in the worst case one after the other and as often as it may.
 */
function boundMs(world: World): number {
  const { history, scenario } = world;
  const open = [...history.stored.values()].filter(({ place }) => place.kind !== 'done');
  const modelMs = open.reduce(
    (total, { input }) => total + Number(input.steps ?? input.max_tokens) * Number(input.step_ms) + 2_000,
    0,
  );
  const repairMs =
    2 * sweepLimits.everyMs +
    2 * sweepLimits.graceMs +
    ticketLimits.visibilityMs +
    jobLimits.leaseMs +
    workerLimits.drainMs;
  const batchesMs = batchChance(scenario.seed) === null ? 0 : 2 * afterHealMs;
  return (
    10 * minute +
    batchesMs +
    repairMs +
    messagesMs(world) +
    2 * scenario.skewMsMax +
    (jobLimits.attemptsMax + jobLimits.memoryWaitsMax) * modelMs +
    jobLimits.memoryWaitsMax * (jobLimits.memoryWaitMs + ticketLimits.returnMs) +
    bounds.idleTimeoutMs
  );
}

/**
 * Messages under way wait out their retry or the claim of a process that died; every receiver takes what comes then. One
 * that is at its receiver as the world heals may still fail, and waits a whole step of its schedule. A turn that a lagging
 * index hid comes a look later.
 */
function messagesMs({ history, loop }: World): number {
  const waits = [...history.deliveries.values()]
    .filter(({ status }) => status === 'pending')
    .map(({ nextAtMs, triesSpent }) =>
      Math.max((nextAtMs ?? 0) - loop.clock.nowMs(), webhookLimits.retryDelaysMs[triesSpent - 1] ?? 0),
    );
  return Math.max(0, ...waits) + 2 * webhookLimits.claimMs + webhookLimits.turnLookMs;
}

async function isAtRest(world: World): Promise<boolean> {
  const { history, stores, scenario, fleet, catalog } = world;
  if ([...history.stored.values()].some(({ place }) => place.kind !== 'done')) return false;
  for (const { tenantId } of scenario.tenants) {
    const gate = await stores.gates.read(tenantId);
    if (gate === null || Object.keys(gate.open).length > 0) return false;
  }
  if ([...history.deliveries.values()].some(({ status }) => status === 'pending')) return false;
  if (!(await areBatchesAtRest(world))) return false;
  if (world.deadLetters.open() > 0) return false;
  // A request whose process is held may still make a job.
  if (world.processes().some((process) => process.isServing())) return false;
  // A crash between a change of adapters and its count leaves the count to a sweep.
  if ((await stores.adapters.listChanged()).items.length > 0) return false;
  // A month is billed by the words of its workers: each has said its last one.
  if (scenario.sequel === 'month' && fleet.workers().length > 0) return false;
  return catalog.pools().every((pool) => fleet.desiredOf(pool) === 0);
}

/** The first violation is the one to look at. */
function isBroken({ history }: World): boolean {
  return history.violations.length > 0;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const each of numbers) total += each;
  return total;
}
