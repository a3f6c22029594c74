/**
 * `npm run fuzz`: every fuzz file for a time of its own, with fresh seeds, one after the other. Prints what ran; exits
 * with 1 when a property failed, and the output above the table then has its seed and smallest counterexample.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const help = `Usage: npm run fuzz -- [--seconds N] [--target NAME]

  --seconds N     for each target, shared among its properties (default 60)
  --target NAME   one target, or several with commas between them; without it, all

Targets: `;

const root = dirname(import.meta.dirname);

interface Target {
  readonly name: string;
  readonly file: string;
  readonly properties: number;
}

interface Ran {
  readonly target: string;
  readonly properties: number;
  readonly runs: number;
  readonly seconds: number;
  readonly failed: number;
}

function targets(): Target[] {
  return globSync('{aws,bench,cli,core,functions,gpu-container,local,sim}/**/*.fuzz.ts', { cwd: root })
    .map((file) => ({
      name: basename(file, '.fuzz.ts'),
      file,
      properties: readFileSync(join(root, file), 'utf8').match(/\bbudget(?:<[^>]*>)?\(/g)?.length ?? 0,
    }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

function run({ name, file, properties }: Target, seconds: number): Ran {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-fuzz-'));
  const tally = join(folder, 'runs.jsonl');
  const startedAtMs = performance.now();
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', file, '--testTimeout=0', '--reporter=dot'],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        PILOTLIGHT_FUZZ_MS: String(Math.ceil((seconds * 1000) / Math.max(1, properties))),
        PILOTLIGHT_FUZZ_TALLY: tally,
      },
    },
  );
  const lines = linesOf(tally);
  rmSync(folder, { recursive: true });
  const failed = lines.filter((line) => line.failed).length;
  return {
    target: name,
    properties: lines.length,
    runs: lines.reduce((sum, line) => sum + line.numRuns, 0),
    seconds: Math.round((performance.now() - startedAtMs) / 1000),
    failed: status === 0 && lines.length === properties ? failed : Math.max(1, failed),
  };
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
  const all = targets();
  const names = all.map(({ name }) => name);
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
  process.stdout.write('\n| target | properties | runs | seconds | failed |\n|---|---|---|---|---|\n');
  for (const { target, properties, runs, seconds: took, failed } of ran) {
    process.stdout.write(
      `| ${target} | ${properties} | ${runs.toLocaleString('en')} | ${took} | ${failed} |\n`,
    );
  }
  return ran.some(({ failed }) => failed > 0) ? 1 : 0;
}

process.exit(main(process.argv.slice(2)));
