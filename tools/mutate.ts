/**
 * `npm run mutate -- FILE...`: how much the unit tests beside a file notice. Each comparison, condition, constant and
 * sign of the file is turned round, one at a time, as vitest loads it (nothing on the disk changes), and the tests run.
 * Says which changes no test noticed and which blocks no test entered. Exit codes: 0 when at least 85 % were noticed
 * and every block was entered, 1 when not. `--conditions` looks at what adapters ask of DynamoDB instead; see
 * `mutate-conditions.ts`.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { judgeConditions } from './mutate-conditions.ts';
import { fails, root } from './mutated-tests.ts';

/** reliability.md 3.3. */
const shareMin = 0.85;

/** What is found, and what stands there instead. Spaces tell an operator from a type argument: the formatter sets them. */
const changes: readonly (readonly [found: RegExp, instead: (found: string) => string])[] = [
  [/ === /g, () => ' !== '],
  [/ !== /g, () => ' === '],
  [/ <= /g, () => ' < '],
  [/ >= /g, () => ' > '],
  [/ < /g, () => ' <= '],
  [/ > /g, () => ' >= '],
  [/ && /g, () => ' || '],
  [/ \|\| /g, () => ' && '],
  [/ \+ /g, () => ' - '],
  [/ - /g, () => ' + '],
  [/ \* /g, () => ' / '],
  [/\bMath\.min\b/g, () => 'Math.max'],
  [/\bMath\.max\b/g, () => 'Math.min'],
  [/\bMath\.ceil\b/g, () => 'Math.floor'],
  [/\bif \((?!\()/g, () => 'if (!'],
  [/(?<=[ (])\d+(?=[,;) ])/g, (found) => String(Number(found) + 1)],
];

interface Mutant {
  readonly line: number;
  readonly before: string;
  readonly after: string;
  readonly source: string;
}

function mutantsOf(source: string): Mutant[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'/g, (hidden) =>
    hidden.replaceAll(/[^\n]/g, '_'),
  );
  return changes.flatMap(([found, instead]) =>
    [...code.matchAll(found)].map(({ 0: before, index }) => {
      const after = instead(before);
      const line = code.slice(0, index).split('\n').length;
      return {
        line,
        before,
        after,
        source: source.slice(0, index) + after + source.slice(index + before.length),
      };
    }),
  );
}

/** Runs the tests beside `file`, with `source` in its place; true when one of them fails. */
function isNoticed(file: string, source: string | null, setupFiles: string[] = []): Promise<boolean> {
  const tests = [file.replace(/\.ts$/, '.test.ts')];
  return fails({
    tests,
    setupFiles,
    sourceOf: (id) => (id === file && source !== null ? source : undefined),
  });
}

async function untakenIn(file: string): Promise<string[]> {
  const report = join(mkdtempSync(join(tmpdir(), 'mutate-')), 'untaken.json');
  Object.assign(process.env, { MUTATE_FILE: relative(root, file), MUTATE_REPORT: report });
  const failed = await isNoticed(file, null, [join(root, 'tools/untaken-branches.ts')]);
  if (failed) throw new Error(`the tests beside ${file} fail as it is`);
  // Written by our own setup file.
  return JSON.parse(readFileSync(report, 'utf8')) as string[];
}

/** True when the tests notice enough. */
async function judge(file: string): Promise<boolean> {
  const untaken = await untakenIn(file);
  for (const block of untaken) console.log(`never entered: ${block}`);
  const source = readFileSync(file, 'utf8');
  const mutants = mutantsOf(source);
  let noticed = 0;
  for (const { line, before, after, source: changed } of mutants) {
    if (await isNoticed(file, changed)) noticed += 1;
    else console.log(`not noticed: ${relative(root, file)}:${line} '${before}' to '${after}'`);
  }
  const share = noticed / mutants.length;
  console.log(
    `${relative(root, file)}: ${noticed} of ${mutants.length} changes noticed (${Math.round(100 * share)} %), ${untaken.length} blocks never entered`,
  );
  return share >= shareMin && untaken.length === 0;
}

const [first, ...others] = process.argv.slice(2);
let isGood = first !== '--conditions' || (await judgeConditions(others[0]));
const files = first === undefined || first === '--conditions' ? [] : [first, ...others];
for (const file of files) isGood = (await judge(resolve(file))) && isGood;
process.exit(isGood ? 0 : 1);
