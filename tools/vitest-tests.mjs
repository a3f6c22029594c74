// Runs the TypeScript tests. What starts processes waits for them on a machine that may have other work: a file of those that
// failed beside others is run once more by itself, and where it passes then it is told of as unsteady and fails nothing.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runShown } from './run-child.mjs';

/** The tests within a process wait for nothing outside it: there a second run would hide what the first one found. */
const withinProcess = /^(aws|cli|core|functions)\//;
/** More that fail at once are no chance. */
const againMax = 3;

/** Sums of the run, and the titles of what failed and of what was unsteady; a run without a report counts as one failure. */
export async function vitestTests(root, node, python) {
  console.log('\n== TypeScript tests');
  const vitest = (args) => vitestRun(root, node, python, args);
  const first = await vitest([]);
  const again = [...first.files].filter(([, { failed }]) => failed.length > 0).map(([file]) => file);
  if (first.isBroken || again.length === 0 || again.length > againMax) return sums(first);
  if (again.some((file) => withinProcess.test(file))) return sums(first);
  console.log(`\n== Once more, by themselves: ${again.join(', ')}`);
  const second = await vitest([...again, '--maxWorkers=1']);
  const failedThen = new Set(sums(second).titles);
  const unsteady = sums(first).titles.filter((title) => !failedThen.has(title));
  const merged = { isBroken: second.isBroken, files: new Map([...first.files, ...second.files]) };
  return { ...sums(merged), unsteady };
}

async function vitestRun(root, node, python, args) {
  const folder = join(root, 'node_modules', '.cache', 'pilotlight');
  const report = join(folder, 'vitest.json');
  mkdirSync(folder, { recursive: true });
  rmSync(report, { force: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const env = {
    // Hundreds of processes load the same files: what one of them has compiled is there for all.
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    ...(python === null ? {} : { PILOTLIGHT_PYTHON: python }),
    ...process.env,
  };
  const status = await runShown(node, [vitest, 'run', ...reporters, ...args], { cwd: root, env });
  if (!existsSync(report)) return { isBroken: true, files: new Map() };
  const files = new Map(
    JSON.parse(readFileSync(report, 'utf8')).testResults.map((file) => ofFile(root, file)),
  );
  const hasFailed = [...files.values()].some(({ failed }) => failed.length > 0);
  return { isBroken: status !== 0 && !hasFailed, files };
}

function ofFile(root, { name, status, assertionResults }) {
  const titles = (wanted) =>
    assertionResults.filter((test) => test.status === wanted).map((test) => test.fullName);
  const failed = titles('failed');
  // One that could not be loaded, or whose hook failed, has no test that failed.
  if (status === 'failed' && failed.length === 0) failed.push('the file as a whole');
  return [relative(root, name), { passed: titles('passed').length, failed }];
}

function sums({ isBroken, files }) {
  const titles = [...files].flatMap(([file, { failed }]) => failed.map((title) => `${file}: ${title}`));
  if (isBroken) titles.push('vitest: the run as a whole');
  const passed = [...files.values()].reduce((sum, file) => sum + file.passed, 0);
  return { passed, failed: titles.length, titles, unsteady: [] };
}
