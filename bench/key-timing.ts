/**
 * Whether time tells refused keys apart: a Welch t-test in the manner of dudect (Reparaz, Balasch, Verbauwhede,
 * "Dude, is my code constant time?", 2017). Keys of every kind come in random order; those of each kind are held
 * against unknown ones, as they are and with the slowest tenth and half left out, which takes the noise of a busy
 * machine away from small differences. The largest |t| of the three counts; 4.5 is dudect's bar.
 *
 * `--store memory` measures the edge alone, `--store embedded` with the DynamoDB adapter and the embedded store below;
 * `--unpaced` leaves out the beat on which refusals leave, which shows what it hides.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { systemClock } from '#aws/system-clock.ts';
import type { Keys } from '#core/ports/tenancy.ts';
import { sampleTenant } from '#core/samples.ts';
import type { ApiDeps } from '#functions/api/api-deps.ts';
import { createApiScene, eventOf } from '#functions/api/api-scene.ts';
import { paceRefusals } from '#functions/api/refusal-pace.ts';
import { refusedKeys } from '#functions/api/refused-keys.ts';
import { startEmulators } from '#local/emulators.ts';
import { createRandom } from '#sim/random.ts';
import type { Bench } from './bench.ts';
import { quantile, wholeFlag } from './bench.ts';

const kinds = [
  'unknown',
  'wrong secret',
  'revoked',
  'expired',
  "another tenant's, at one tenant's door",
] as const;
type Kind = (typeof kinds)[number];

const bar = 4.5;
/** Of every kind: one key would be measured with its place in memory. */
const keysOfAKind = 32;
const warmUps = 2_000;
/** Requests under way at a time: so few that the processor is idle while they wait for their beat. */
const lanesOf = { memory: 32, embedded: 6 } as const;
/** Shares of all times, slowest left out. */
const crops = [1, 0.9, 0.5] as const;

interface Times {
  readonly kind: Kind;
  readonly microseconds: Float64Array;
}

export const keyTimingBench: Bench = async (flags) => {
  const embedded = flags.store === 'embedded';
  const samples = wholeFlag(flags, 'samples', 100_000);
  const random = createRandom(wholeFlag(flags, 'seed', 1));
  const scene = await (embedded ? embeddedScene : memoryScene)(flags.unpaced === true);
  try {
    const lanes = flags.unpaced === true ? 1 : lanesOf[embedded ? 'embedded' : 'memory'];
    const [unknown, ...others] = await measure(scene.askers, samples, lanes, random);
    if (unknown === undefined) throw new Error('nothing was measured');
    const rows = others.map((times) => rowOf(embedded ? 'embedded' : 'memory', unknown, times));
    const failures = rows.filter((row) => row['largest |t|'] >= bar);
    return { rows, failures: failures.map((row) => `${row.kind}: |t| = ${row['largest |t|']}`) };
  } finally {
    await scene.close();
  }
};

type Askers = Readonly<Record<Kind, readonly (() => Promise<number>)[]>>;

/** Measures every kind `samples` times, in an order that nobody can foresee. */
async function measure(
  askers: Askers,
  samples: number,
  lanes: number,
  random: () => number,
): Promise<Times[]> {
  const all = kinds.map((kind) => ({ kind, microseconds: new Float64Array(samples), count: 0 }));
  const warm = Array.from({ length: warmUps }, () => timeOf(askers, pick(kinds, random), random));
  await Promise.all(warm);
  let open = [...all];
  const lane = async () => {
    while (open.length > 0) {
      const times = pick(open, random);
      const place = times.count;
      times.count += 1;
      if (times.count === samples) open = open.filter((each) => each !== times);
      times.microseconds[place] = await timeOf(askers, times.kind, random);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return all;
}

async function timeOf(askers: Askers, kind: Kind, random: () => number): Promise<number> {
  return pick(askers[kind], random)();
}

function pick<T>(list: readonly T[], random: () => number): T {
  const picked = list[Math.floor(random() * list.length)];
  if (picked === undefined) throw new Error('there is nothing to pick from');
  return picked;
}

function rowOf(store: string, unknown: Times, times: Times) {
  const tested = crops.map((share) => {
    const limit = quantile([...unknown.microseconds, ...times.microseconds], share);
    const within = ({ microseconds }: Times) => microseconds.filter((each) => each <= limit);
    return welch(within(unknown), within(times));
  });
  const [whole, ninety, half] = tested.map((t) => Number(t.toFixed(2)));
  return {
    store,
    kind: times.kind,
    samples: times.microseconds.length,
    'median us': quantile([...times.microseconds], 0.5).toFixed(1),
    'median us, unknown': quantile([...unknown.microseconds], 0.5).toFixed(1),
    't, all': whole ?? 0,
    't, fastest 90 %': ninety ?? 0,
    't, fastest 50 %': half ?? 0,
    'largest |t|': Math.max(...tested.map((t) => Number(Math.abs(t).toFixed(2)))),
  };
}

/** Welch's t: the difference of two means in units of its own deviation, for samples of unequal variance. */
export function welch(left: Float64Array, right: Float64Array): number {
  const [a, b] = [momentsOf(left), momentsOf(right)];
  return (a.mean - b.mean) / Math.sqrt(a.variance / left.length + b.variance / right.length);
}

function momentsOf(values: Float64Array): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}

/** The edge over a store that answers at once and without a copy, so that its own work is all there is to measure. */
async function memoryScene(isUnpaced: boolean) {
  const base = await createApiScene();
  const stored = new Map<string, Awaited<ReturnType<Keys['get']>>>();
  const keys: Keys = {
    ...base.keys,
    create: async (key) => {
      stored.set(key.keyId, key);
      return 'created';
    },
    get: async (keyId) => stored.get(keyId) ?? null,
  };
  return { askers: await askersOf({ keys }, isUnpaced), close: async () => undefined };
}

/** The edge over the DynamoDB adapter and the embedded store. */
async function embeddedScene(isUnpaced: boolean) {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
  const emulators = await startEmulators({ dataDir, pools: [] });
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const { keys, tenants, plans, close } = createAwsPorts(emulators.config, { log: silent });
  await tenants.create(sampleTenant());
  return {
    askers: await askersOf({ keys, tenants, plans }, isUnpaced),
    async close() {
      close();
      await emulators.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function askersOf(
  ports: Pick<ApiDeps, 'keys'> & Partial<ApiDeps>,
  isUnpaced: boolean,
): Promise<Askers> {
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const base = await createApiScene();
  const scene = await createApiScene({ change: { ...base, ...ports, clock: systemClock, log: silent } });
  const handler = isUnpaced ? scene.handler : paceRefusals(scene.handler, systemClock);
  const salts = Array.from({ length: keysOfAKind }, (_, salt) => salt);
  const keysOfSalts = await Promise.all(
    salts.map((salt) => refusedKeys({ keys: ports.keys, clock: systemClock }, salt)),
  );
  const askerOf = (kind: Kind) => (_: unknown, index: number) => {
    const found = keysOfSalts[index]?.[kind];
    if (found === undefined) throw new Error(`there is no key of the kind ${kind}`);
    return async () => {
      const event = eventOf('GET', '/v1/limits', { headers: { 'x-request-id': 'the-same-id' } }, found.key);
      Object.assign(event, { requestContext: { authorizer: { pilotlightTenant: found.door } } });
      // The edge reads no other part of a context.
      const context = {} as Parameters<typeof handler>[1];
      const before = process.hrtime.bigint();
      const { statusCode } = await handler(event, context);
      const took = process.hrtime.bigint() - before;
      if (statusCode !== 401) throw new Error(`a key of the kind ${kind} was answered ${statusCode}`);
      return Number(took) / 1_000;
    };
  };
  // Every kind is a name of the object: what fromEntries cannot say.
  return Object.fromEntries(kinds.map((kind) => [kind, salts.map(askerOf(kind))])) as unknown as Askers;
}
