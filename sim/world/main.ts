/**
 * `npm run sim:faults`: many worlds on every core, what struck where, and what broke. Exit codes: 0 when every promise
 * held and, from 10,000 worlds on, every fault struck every call that it can strike (with `--mutant` and `--mutants`:
 * when every planted bug was found), 1 when not, 2 for bad options.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { coverageOf, gapsIn, runsForCoverage, uncalledIn } from './coverage.ts';
import { keep, runLong } from './long-run.ts';
import type { WorldsAsk } from './parallel.ts';
import { runWorlds, seekFaults } from './parallel.ts';
import { plant } from './plant.ts';
import { mutantOf, mutants } from './planted/mutants.ts';
import type { Tally } from './tally.ts';
import { addTally } from './tally.ts';

const help = `Usage: npm run sim:faults -- [--runs N] [--seed S]

Runs the whole product in simulated worlds that fail in every way their seeds say, and checks every promise.

  --runs N          Worlds to run (10000); with a planted bug, worlds to look for it in
  --seed S          Seed of the first; the next ones follow (1)
  --operations N    Operations of all clients of a world (30)
  --without A,B     Faults, troubles and whims to leave out
  --favour 'S K'    Let the fault K strike the first calls of the site S
  --replay S        One world, with what it broke, made as small as it goes
  --trace           With --replay: that world as it is, every call of it
  --mutant NAME     Plant a bug first and stop at the first world that finds it; "list" names them
  --mutants         Every planted bug, one after the other
  --processes N     Processes to run in (one for each core)
  --json FILE       Write the figures, after every 10,000 worlds
  --resume          Go on from the figures in that file
  --help

Examples:
  npm run sim:faults -- --runs 200000 --json out.json --resume
  npm run sim:faults -- --replay 458
  npm run sim:faults -- --mutant no-fencing`;

const wholeSchema = z.coerce.number().int().min(0);
const optionsSchema = z.object({
  runs: wholeSchema.min(1).default(10_000),
  seed: wholeSchema.default(1),
  operations: wholeSchema.min(1).optional(),
  without: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((each) => each !== '')),
  favour: z.string().optional(),
  replay: wholeSchema.optional(),
  trace: z.boolean().default(false),
  mutant: z.string().optional(),
  mutants: z.boolean().default(false),
  processes: wholeSchema.min(1).default(availableParallelism()),
  json: z.string().optional(),
  resume: z.boolean().default(false),
});

type Options = z.infer<typeof optionsSchema>;

async function main(argv: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const worlds = { runs: text, seed: text, operations: text, without: text, processes: text, json: text };
  const single = {
    favour: text,
    replay: text,
    trace: flag,
    mutant: text,
    mutants: flag,
    resume: flag,
    help: flag,
  };
  const { values } = parseArgs({ args: argv, options: { ...worlds, ...single } });
  if (values.help === true) return say(help);
  const options = optionsSchema.parse(values);
  if (options.mutant === 'list')
    return say(mutants.map(({ name, mistake }) => `${name}: ${mistake}`).join('\n'));
  if (options.replay !== undefined) return replay(options, options.replay);
  if (options.mutants) return findAll(options);
  return options.mutant === undefined ? runAll(options) : find(options, options.mutant);
}

async function runAll(options: Options): Promise<number> {
  const { tally, seconds: secondsOfRun } = await runLong(options, progressShown());
  const startedAt = performance.now();
  if (tally.runs >= runsForCoverage) await fillGaps(options, tally);
  const seconds = secondsOfRun + (performance.now() - startedAt) / 1000;
  const gaps = [...gapsIn(tally), ...uncalledIn(tally)];
  console.table(coverageOf(tally).map(({ site, kinds }) => ({ site, ...kinds })));
  say(
    `${tally.runs} worlds in ${seconds.toFixed(1)} s: ${tally.operations} operations, ${tally.jobs} jobs, ${tally.calls} calls, ` +
      `${sumOf(tally.hits)} faults, ${(tally.simulatedMs / 3_600_000).toFixed(0)} hours simulated, ${tally.broken.length} broken`,
  );
  const amplification = amplificationOf(tally);
  say(
    `requests per accepted job with three of ten turned away: ${amplification.toFixed(2)} times those with none`,
  );
  // A short run misses so much that its list says nothing.
  const isList = tally.runs >= runsForCoverage;
  if (gaps.length > 0) say(`never struck: ${isList ? gaps.join(', ') : `${gaps.length} faults`}`);
  for (const { seed, violation } of tally.broken.slice(0, 20)) say(`${seed}: ${violation}`);
  keep(options, tally, { seconds, amplification, gaps });
  const isWhole = tally.runs < runsForCoverage || (gaps.length === 0 && amplification <= amplificationMax);
  return tally.broken.length === 0 && isWhole ? 0 : 1;
}

/** Some calls are so rare that a run may pass some fault of theirs by: each of those is looked for in so many worlds more. */
const worldsForGap = 2_000;

async function fillGaps(options: Options, tally: Tally): Promise<void> {
  const gaps = gapsIn(tally);
  if (gaps.length === 0) return;
  const found = await seekFaults({ ...options, seed: options.seed + tally.runs, runs: worldsForGap }, gaps);
  addTally(tally, found);
  const struck = gaps.filter((gap) => found.hits[gap] !== undefined);
  say(
    `${found.runs} more worlds for ${gaps.length} faults that had not struck: ${struck.length} did, by --favour`,
  );
  for (const gap of struck) say(`  ${gap}`);
}

/** reliability.md row 7. */
const amplificationMax = 2;

/** Not a number when no run was in a storm. */
function amplificationOf({ storm: { stormy, calm } }: Tally): number {
  return stormy.requests / stormy.accepted / (calm.requests / calm.accepted);
}

/** One process each, and so many at once as there are: most are found in the first worlds. */
async function findAll(options: Options): Promise<number> {
  const left = mutants.map(({ name }) => name);
  let missed = 0;
  async function findNext(): Promise<void> {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const missedNow = await find({ ...options, processes: 1 }, name);
      // Read after the wait: another one may have counted meanwhile.
      missed += missedNow;
    }
  }
  await Promise.all(Array.from({ length: options.processes }, findNext));
  say(`${mutants.length - missed} of ${mutants.length} planted bugs found`);
  return missed === 0 ? 0 : 1;
}

/** 0 when some world finds it, else 1. */
async function find(options: Options, name: string): Promise<number> {
  const { seed } = mutantOf(name);
  const ask = { ...options, mutant: name };
  if (seed !== undefined && (await findIn({ ...ask, seed, runs: 1 }))) return 0;
  if (await findIn(ask)) return 0;
  say(`${name}: NOT FOUND`);
  return 1;
}

async function findIn(ask: WorldsAsk): Promise<boolean> {
  const { runs, broken } = await runWorlds(ask, { isEnough: (each) => each.broken.length > 0 });
  const [first] = broken;
  if (first === undefined) return false;
  say(`${ask.mutant}: found in world ${first.seed} after ${runs} (${first.violation})`);
  return true;
}

async function replay(
  { operations, without, favour, mutant, trace }: Options,
  seed: number,
): Promise<number> {
  if (mutant !== undefined) plant(mutantOf(mutant));
  if (trace) {
    const { runSeed } = await import('./run.ts');
    const { violations } = await runSeed(seed, { operations, without, favour, trace: say });
    return say(violations.join('\n'));
  }
  const { shrink } = await import('./shrink.ts');
  const shrunk = await shrink(seed, { operations, without, favour });
  if (shrunk === null) return say(`world ${seed} keeps every promise`);
  const planted =
    (mutant === undefined ? '' : ` --mutant ${mutant}`) +
    (favour === undefined ? '' : ` --favour '${favour}'`);
  const left = shrunk.without.length === 0 ? '' : ` --without ${shrunk.without.join(',')}`;
  say(shrunk.violations.join('\n'));
  say(
    `again with: npm run sim:faults -- --replay ${seed} --operations ${shrunk.operations}${planted}${left}`,
  );
  return 1;
}

/** Worlds between two lines, where there is no terminal to count on. */
const lineEvery = 5_000;

/** A line that counts on a terminal, and one now and then in a file. */
function progressShown(): (tally: Tally) => void {
  const startedAt = performance.now();
  let toldRuns = 0;
  return ({ runs, broken }) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${runs} worlds, ${broken.length} broken `);
    else if (runs - toldRuns >= lineEvery) {
      toldRuns = runs;
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      process.stderr.write(`${runs} worlds, ${broken.length} broken, ${seconds} s\n`);
    }
  };
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function say(line: string): number {
  process.stdout.write(`${line}\n`);
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  },
);
