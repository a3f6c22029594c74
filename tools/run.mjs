#!/usr/bin/env node
// Runs the project's commands on a machine that has nothing but Node >= 20 (and, for the Python tests, Python >= 3.11):
// installs what is missing, then hands over to Node 24 from node_modules. Plain JavaScript without dependencies,
// because it runs before there are any.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePython, printPythonPackages, pythonTests } from './python-tests.mjs';
import { runForwardingSignals, runUnseen } from './run-child.mjs';
import { vitestTests } from './vitest-tests.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeNeeded = [22, 18];

const help = `Usage: npm start [-- OPTIONS]        boot everything, run one job, keep serving (npm start -- --help)
       npm test                       format, lint, types, import direction, all tests
       npm run bench -- NAME          one benchmark (npm run bench -- --help)
       npm run contract -- OPTIONS    the API against its OpenAPI document (npm run contract -- --help)
       npm run deploy:local           the CDK stacks on an AWS emulator (npm run deploy:local -- --help)
       npm run sim:faults -- OPTIONS  the product in simulated worlds that fail (npm run sim:faults -- --help)
       npm run mutate -- FILE...      how much the unit tests beside a file notice; --conditions: what the stores' tests do
       npm run fuzz -- OPTIONS        every parser under random input (npm run fuzz -- --help)`;

/** A command, its Node 24 script and arguments. */
const scripts = {
  start: ['local/main.ts'],
  bench: ['bench/main.ts'],
  contract: ['infra-tests/contract/main.ts'],
  'deploy:local': ['infra-tests/emulator/main.ts'],
  'sim:faults': ['sim/world/main.ts'],
  mutate: ['tools/mutate.ts'],
  fuzz: ['tools/fuzz.ts'],
};

const contractTitle = 'the API against its document';

await main(process.argv.slice(2));

async function main([command, ...rest]) {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    fail(`Pilotlight needs Node >= 20 to start; this is ${process.versions.node}.`);
  }
  if (command === 'check') process.exit(await check());
  if (command === 'python') process.exit(ensurePython(root) === null ? 1 : 0);
  if (command === 'sbom:python') process.exit(printPythonPackages(root) ? 0 : 1);
  const script = scripts[command];
  if (script === undefined) {
    console.log(help);
    process.exit(command === undefined || command === '--help' ? 0 : 2);
  }
  installDependencies();
  if (['contract', 'deploy:local'].includes(command) && ensurePython(root) === null) process.exit(1);
  process.exit(await runForwardingSignals(modernNode(), [...script, ...rest], root));
}

/** Installs from the lockfile when it changed since the last time. */
function installDependencies() {
  const marker = join(root, 'node_modules', '.pilotlight-lock');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return;
  console.error('Installing dependencies (once) ...');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (npm.status !== 0) fail('npm ci failed; the lines above say why.');
  writeFileSync(marker, wanted);
}

/** Node 24 from node_modules, or the running Node where it is new enough. */
function modernNode() {
  const bundled = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(bundled)) return bundled;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > nodeNeeded[0] || (major === nodeNeeded[0] && minor >= nodeNeeded[1])) return process.execPath;
  return fail(
    `Pilotlight runs on Node >= ${nodeNeeded.join('.')}; this is ${process.versions.node}, and npm has no Node 24 package for this system.`,
  );
}

/** Everything that must hold before a change lands. Ends with the sums of all test runners. */
async function check() {
  installDependencies();
  const node = modernNode();
  const bin = (name) => join(root, 'node_modules', name);
  const steps = [
    ['format and lint', bin('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '.'],
    ['types', bin('typescript/bin/tsc'), '--noEmit'],
    ['openapi.json is up to date', 'tools/write-openapi.ts', '--check'],
    ['the client is up to date', 'tools/write-client.ts', '--check'],
  ];
  const broken = [];
  const environment = unseen(process.execPath, [fileURLToPath(import.meta.url), 'python']);
  const ended = await Promise.all(steps.map(([, ...args]) => unseen(node, args)));
  for (const [index, [title]] of steps.entries()) {
    const { code, said } = ended[index];
    console.log(`\n== ${title}\n${said}`);
    if (code !== 0) broken.push(title);
  }
  const { code, said } = await environment;
  process.stdout.write(said);
  // There by now, or not to be had: it is not tried again.
  const venvPython = code === 0 ? ensurePython(root) : null;
  // Tests of processes mostly wait for them: beside those there is time for the others.
  const others = besideVitest(node, venvPython);
  const vitest = await vitestTests(root, node, venvPython);
  const { python, contract } = await others;
  console.log(`\n== Python tests\n${python.said}\n== ${contractTitle}\n${contract.said}`);
  if (contract.code !== 0) broken.push(contractTitle);
  const failed = vitest.failed + python.failed + broken.length;
  const passed = vitest.passed + python.passed + steps.length + 1 - broken.length;
  for (const title of vitest.unsteady) console.log(`unsteady: ${title}`);
  for (const title of [...vitest.titles, ...broken]) console.log(`failed: ${title}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function besideVitest(node, venvPython) {
  const python = await pythonTests(root, venvPython);
  return { python, contract: await unseen(node, scripts.contract) };
}

function unseen(command, args) {
  return runUnseen(command, args, { cwd: root });
}

function fail(line) {
  console.error(line);
  process.exit(1);
}
