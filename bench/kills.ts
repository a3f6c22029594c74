/**
 * Faults on real processes at random moments, under a steady load of clients that retry: `kill -9` and SIGSTOP of
 * platform, workers and runners, a disk without room, damaged store files, clocks that jump. In the end every job that
 * a client was told is accepted must have ended once, with one result and one settlement. The same seed draws the same
 * faults; what they hit depends on the machine.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from './aftermath.ts';
import type { Bench, BenchFlags, BenchReport } from './bench.ts';
import { FlagError, wholeFlag } from './bench.ts';
import { drained, submitOnce } from './client.ts';
import { fakeModelOnly } from './fake-models.ts';
import type { Clocks } from './faults/clock.ts';
import { movableClocks, moveClock } from './faults/clock.ts';
import { damageCopy } from './faults/corrupt.ts';
import type { Disk } from './faults/disk.ts';
import { fillDisk, mountSmallDisk } from './faults/disk.ts';
import type { FaultKind, Scene } from './faults/scene.ts';
import { faultKinds } from './faults/scene.ts';
import { killOne, stopOne } from './faults/signals.ts';
import type { LocalStack } from './local-stack.ts';
import { startLocalStack } from './local-stack.ts';
import { between, randomOf } from './random.ts';

const clients = 8;
const pauseMs = { min: 50, max: 700 };
const workers = 2;
/** Jobs that were hit more than once need as many leases, and a lease taken by a clock that ran ahead needs longer. */
const drainMsMax = 15 * 60_000;
/** A job's own wait must not end it: a clock may be a day off. */
const deadlineSeconds = 7 * 24 * 60 * 60;
const diskMib = 512;
const keepUpMsMax = 60_000;
/** Of 100 faults. A stop takes half a minute, a kill a second. */
const shares: Record<FaultKind, number> = { kill: 90, stop: 3, disk: 2, corrupt: 1, clock: 3 };
/** Ends without a result that a killed or stopped process may bring about: every attempt was hit. */
const lossCodes = new Set(['worker_lost', 'poison']);

export const killsBench: Bench = async (flags) => {
  const ask: Ask = {
    kills: wholeFlag(flags, 'kills', 50),
    jobs: wholeFlag(flags, 'jobs', 0),
    seed: wholeFlag(flags, 'seed', 1),
    minutes: wholeFlag(flags, 'minutes', 0),
    kinds: kindsOf(flags),
  };
  const ending = new AbortController();
  const end = () => ending.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end);
  return await runFaults(ask, ending.signal);
};

export interface Ask {
  /** How many, after which the run ends; of other faults where `kinds` has no kills. */
  readonly kills: number;
  /** Accepted jobs at least, spread over the kills; 0 for as many as come. */
  readonly jobs: number;
  readonly seed: number;
  /** No fault is begun later than this; 0 for no bound. */
  readonly minutes: number;
  readonly kinds: readonly FaultKind[];
}

function kindsOf(flags: BenchFlags): FaultKind[] {
  const names = String(flags.faults ?? 'kill').split(',');
  return names.map((name) => {
    const kind = faultKinds.find((each) => each === name);
    if (kind === undefined)
      throw new FlagError(`--faults must be some of ${faultKinds.join(',')}, not ${name}`);
    return kind;
  });
}

/** The whole run, in folders of its own that are gone afterwards. `ending` cuts it short; it is judged all the same. */
export async function runFaults(ask: Ask, ending: AbortSignal): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'));
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const disk = ask.kinds.includes('disk') ? mountSmallDisk(dataDir, diskMib) : null;
  const clocks = ask.kinds.includes('clock') ? movableClocks(join(folder, 'clocks')) : null;
  try {
    const report = await run({ ask, folder, dataDir, disk, clocks, ending });
    if (report.failures.length > 0) keep(dataDir, ask.seed);
    return report;
  } finally {
    disk?.unmount();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is left of a run that broke a promise. */
function keep(dataDir: string, seed: number): void {
  const kept = mkdtempSync(join(tmpdir(), `pilotlight-faults-${seed}-`));
  cpSync(dataDir, kept, { recursive: true, filter: (path) => !/(compile-cache|filler|\/tmp)$/.test(path) });
  process.stderr.write(`The data folder was kept: ${kept}\n`);
}

interface Means {
  readonly ask: Ask;
  readonly folder: string;
  readonly dataDir: string;
  readonly disk: Disk | null;
  readonly clocks: Clocks | null;
  readonly ending: AbortSignal;
}

async function run(means: Means): Promise<BenchReport> {
  const { ask, dataDir, ending } = means;
  const world = await createWorld(means);
  const load = Array.from({ length: clients }, (_, index) => submitSteadily(world, index));
  const acts: Record<FaultKind, () => Promise<void>> = {
    kill: () => killOne(world.scene),
    stop: () => stopOne(world.scene),
    disk: async () => {
      if (means.disk !== null) await fillDisk(world.scene, means.disk);
    },
    corrupt: () => damageCopy(world.scene, join(means.folder, 'damaged')),
    clock: async () => {
      if (means.clocks !== null) await moveClock(world.scene, means.clocks);
    },
  };
  try {
    await injectAll(world, acts);
    while (isTimely(world) && world.jobIds.size < ask.jobs) await delay(100);
  } catch (error) {
    world.isGivenUp = true;
    world.broken.push(`the run could not go on: ${error}`);
  }
  world.isOver = true;
  await Promise.all([...load, ...world.besides]);
  if (world.isGivenUp) {
    await world.scene.kill();
    return { rows: [], failures: world.broken };
  }
  const recoveringAtMs = performance.now();
  const isDrained = await drained(world.scene.stack, drainMsMax, ending);
  const recoveryMs = performance.now() - recoveringAtMs;
  await world.scene.stack.stop();
  return judge(world, await inspect(dataDir, [...world.jobIds]), isDrained, recoveryMs);
}

async function injectAll(world: World, acts: Record<FaultKind, () => Promise<void>>): Promise<void> {
  const { ask, random } = world;
  const countsKills = ask.kinds.includes('kill');
  for (let all = 1; world.done < ask.kills && isTimely(world); all += 1) {
    await delay(between(random, pauseMs.min, pauseMs.max));
    await keepUp(world);
    const kind = drawKind(random, ask.kinds);
    await acts[kind]();
    if (kind === 'kill' || !countsKills) world.done += 1;
    if (all % 10 === 0 || world.done === ask.kills) say(world);
  }
}

/** Jobs and faults go side by side; a slow machine must not be killed all the time before it has done anything. */
async function keepUp(world: World): Promise<void> {
  const untilMs = performance.now() + keepUpMsMax;
  const { ask, jobIds, done } = world;
  while (isTimely(world) && performance.now() < untilMs && jobIds.size * ask.kills < ask.jobs * done) {
    await delay(50);
  }
}

function isTimely({ ask, scene, startedAtMs }: World): boolean {
  if (scene.ending.aborted) return false;
  return ask.minutes === 0 || performance.now() - startedAtMs < ask.minutes * 60_000;
}

function drawKind(random: () => number, kinds: readonly FaultKind[]): FaultKind {
  const total = kinds.reduce((sum, kind) => sum + shares[kind], 0);
  let left = random() * total;
  for (const kind of kinds) {
    left -= shares[kind];
    if (left < 0) return kind;
  }
  return kinds[0] ?? 'kill';
}

function say({ ask, done, jobIds, broken, startedAtMs }: World): void {
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const bad = broken.length === 0 ? '' : `, ${broken.length} promises broken`;
  process.stderr.write(`${seconds} s: fault ${done} of ${ask.kills}, ${jobIds.size} jobs accepted${bad}\n`);
}

interface World {
  readonly ask: Ask;
  readonly scene: Scene;
  readonly random: () => number;
  readonly startedAtMs: number;
  readonly jobIds: Set<string>;
  readonly besides: Promise<void>[];
  readonly counts: Map<string, number>;
  readonly broken: string[];
  /** Faults that count, so far. */
  done: number;
  isOver: boolean;
  /** A fault could not be undone: nobody will answer the clients any more. */
  isGivenUp: boolean;
  unanswered: number;
}

async function createWorld({ ask, folder, dataDir, clocks, ending }: Means): Promise<World> {
  const random = randomOf(ask.seed);
  const stackArgs = [
    ...['--no-first-job', '--min-workers', String(workers), '--max-workers', String(workers)],
    ...['--models', fakeModelOnly(folder)],
  ];
  const start = () =>
    startLocalStack(dataDir, stackArgs, {
      ...clocks?.process,
      // What runners write lies on the same disk.
      env: { ...clocks?.process.env, TMPDIR: mkdirOf(join(dataDir, 'tmp')) },
    });
  let stack: LocalStack = await start();
  let probes = 0;
  const scene: Scene = {
    dataDir,
    random,
    ending,
    get stack() {
      return stack;
    },
    kill: () => stack.kill(),
    async start() {
      stack = await start();
    },
    async restart() {
      await stack.kill();
      stack = await start();
    },
    count: (name) => void world.counts.set(name, (world.counts.get(name) ?? 0) + 1),
    broken(what) {
      world.broken.push(what);
      process.stderr.write(`BROKEN: ${what}\n`);
    },
    beside: (work) => void world.besides.push(work),
    async probe() {
      probes += 1;
      const answer = await submitOnce(stack, `probe-${probes}`, bodyOf('probe', 1));
      if (answer.kind === 'accepted') world.jobIds.add(answer.jobId);
      if (answer.kind === 'refused') return { status: answer.status, code: answer.code };
      return { status: answer.kind === 'accepted' ? 202 : 0, code: '' };
    },
  };
  const world: World = {
    ask,
    scene,
    random,
    startedAtMs: performance.now(),
    jobIds: new Set(),
    besides: [],
    counts: new Map(),
    broken: [],
    done: 0,
    isOver: false,
    isGivenUp: false,
    unanswered: 0,
  };
  return world;
}

function mkdirOf(path: string): string {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    // A disk without room: the start that this is for says so better.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  return path;
}

function bodyOf(prompt: string, images: number) {
  return {
    model: 'fake',
    input: { prompt, steps: 4, step_ms: 25, n: images },
    deadline_s: deadlineSeconds,
  };
}

/** One client: a job after another; a cut-off request is sent again with the same key until it is answered. */
async function submitSteadily(world: World, client: number): Promise<void> {
  for (let count = 0; !world.isOver; count += 1) {
    const body = bodyOf(`${client}/${count}`, 1 + (count % 2));
    while (!world.isGivenUp) {
      const answer = await submitOnce(world.scene.stack, `kills-${client}-${count}`, body);
      if (answer.kind === 'accepted') {
        world.jobIds.add(answer.jobId);
        break;
      }
      if (answer.kind === 'unanswered') world.unanswered += 1;
      await delay(answer.kind === 'unanswered' ? 500 : 100);
    }
    await delay(20);
    while (isAhead(world)) await delay(100);
  }
}

/** True while more jobs were accepted than the share of the faults that is done calls for. */
function isAhead({ ask, done, jobIds, isOver }: World): boolean {
  return !isOver && ask.jobs > 0 && jobIds.size > (ask.jobs * (done + 1)) / ask.kills;
}

function judge(
  world: World,
  after: Awaited<ReturnType<typeof inspect>>,
  isDrained: boolean,
  recoveryMs: number,
): BenchReport {
  const { ask, jobIds } = world;
  const failures = [...world.broken, ...after.faults];
  const lost = [...after.unsuccessful].filter(([code]) => lossCodes.has(code));
  const other = [...after.unsuccessful].filter(([code]) => !lossCodes.has(code));
  const lostJobs = lost.reduce((sum, [, jobs]) => sum + jobs, 0);
  if (!isDrained) failures.push('open jobs were left');
  if (world.done < ask.kills) failures.push(`${world.done} of ${ask.kills} faults were injected`);
  if (jobIds.size < ask.jobs) failures.push(`${jobIds.size} of ${ask.jobs} jobs were accepted`);
  for (const [code, jobs] of other) failures.push(`${jobs} jobs ended as ${code}`);
  if (after.succeeded + lostJobs !== jobIds.size && other.length === 0) {
    failures.push(`${after.succeeded} of ${jobIds.size} succeeded, ${lostJobs} lost every worker`);
  }
  const row = {
    seed: ask.seed,
    ...Object.fromEntries([...world.counts].toSorted(([left], [right]) => left.localeCompare(right))),
    accepted: jobIds.size,
    succeeded: after.succeeded,
    'failed, every attempt hit, not charged': lostJobs,
    'run more than once': after.retried,
    'requests cut off': world.unanswered,
    'last job ended after s': (recoveryMs / 1000).toFixed(1),
    'took s': Math.round((performance.now() - world.startedAtMs) / 1000),
    faults: failures.length,
  };
  return { rows: [row], failures };
}
