/**
 * `npm run fuzz`: every fuzz file for a time of its own, with fresh seeds, one after the other, and then the properties of
 * the tests. Prints what ran; exits with 1 when a property failed, and the output above the table then has its seed and
 * smallest counterexample.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzEnv } from '../sim/fuzz-budget.ts';
import { propertySeedEnv } from '../sim/property-seed.ts';
import type { FuzzTarget } from './fuzz-targets.ts';
import { faultOf, folders, fuzzTargets, propertiesIn, propertiesTarget } from './fuzz-targets.ts';

const help = `Usage: npm run fuzz -- [--seconds N] [--target NAME]

  --seconds N     for each target, shared among its properties (default 60)
  --target NAME   one target, or several with commas between them; without it, all

"properties" are those of the tests, which end when one did as many runs as it says: all of them, round after round.

Targets: `;

const root = dirname(import.meta.dirname);

interface Ran {
  readonly target: string;
  readonly properties: number;
  readonly runs: number;
  readonly seconds: number;
  readonly failed: number;
  /** Why it failed, where no property did. */
  readonly fault: string | null;
}

function run({ name, file, properties }: FuzzTarget, seconds: number): Ran {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-fuzz-'));
  const tally = join(folder, 'runs.jsonl');
  const startedAtMs = performance.now();
  const propertyMs = Math.ceil((seconds * 1000) / Math.max(1, properties));
  const status = vitest([file], { [fuzzEnv.propertyMs]: String(propertyMs), [fuzzEnv.tally]: tally });
  const lines = linesOf(tally);
  rmSync(folder, { recursive: true });
  const failed = lines.filter((line) => line.failed).length;
  const fault = faultOf({ properties, ended: lines.length, failed, status });
  return {
    target: name,
    properties: lines.length,
    runs: lines.reduce((sum, line) => sum + line.numRuns, 0),
    seconds: Math.round((performance.now() - startedAtMs) / 1000),
    failed: fault === null ? failed : Math.max(1, failed),
    fault,
  };
}

/** At least one round. */
function runProperties(seconds: number): Ran {
  const files = globSync(`${folders}/**/*.test.ts`, { cwd: root })
    .map((file) => ({ file, properties: propertiesIn(file) }))
    .filter(({ properties }) => properties > 0);
  const properties = files.reduce((sum, file) => sum + file.properties, 0);
  const startedAtMs = performance.now();
  const elapsedS = () => Math.round((performance.now() - startedAtMs) / 1000);
  let rounds = 0;
  let failed = 0;
  do {
    if (vitest(files.map(({ file }) => file)) !== 0) failed += 1;
    rounds += 1;
  } while (elapsedS() < seconds);
  return { target: propertiesTarget, properties, runs: rounds, seconds: elapsedS(), failed, fault: null };
}

function vitest(files: readonly string[], env: Record<string, string> = {}): number | null {
  const script = join(root, 'node_modules/vitest/vitest.mjs');
  return spawnSync(process.execPath, [script, 'run', ...files, '--testTimeout=0', '--reporter=dot'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, [propertySeedEnv]: 'random', ...env },
  }).status;
}

function linesOf(tally: string): { readonly numRuns: number; readonly failed: boolean }[] {
  try {
    return readFileSync(tally, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  } catch (error) {
    // No property came to its end: counted as a failure by its absence.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function main(argv: string[]): number {
  const all = fuzzTargets();
  const names = [...all.map(({ name }) => name), propertiesTarget];
  const { values } = parseArgs({
    args: argv,
    options: { seconds: { type: 'string' }, target: { type: 'string' }, help: { type: 'boolean' } },
  });
  const seconds = Number(values.seconds ?? 60);
  const wanted = values.target?.split(',') ?? names;
  const unknown = wanted.filter((name) => !names.includes(name));
  if (values.help === true || unknown.length > 0 || !(seconds > 0)) {
    process.stdout.write(`${help}${names.join(', ')}\n`);
    return values.help === true ? 0 : 2;
  }
  const ran = all.filter(({ name }) => wanted.includes(name)).map((target) => run(target, seconds));
  if (wanted.includes(propertiesTarget)) ran.push(runProperties(seconds));
  process.stdout.write('\n| target | properties | runs | seconds | failed |\n|---|---|---|---|---|\n');
  for (const { target, properties, runs, seconds: took, failed } of ran) {
    process.stdout.write(
      `| ${target} | ${properties} | ${runs.toLocaleString('en')} | ${took} | ${failed} |\n`,
    );
  }
  for (const { target, fault } of ran) {
    if (fault !== null) process.stdout.write(`${target}: ${fault}\n`);
  }
  return ran.some(({ failed }) => failed > 0) ? 1 : 0;
}

process.exit(main(process.argv.slice(2)));
