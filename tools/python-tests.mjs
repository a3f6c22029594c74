// Runs the Python tests in a virtual environment of the checkout that is made anew when its requirements change.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runUnseen } from './run-child.mjs';

const requirements = 'tools/requirements-test.txt';
const torch = 'torch==2.13.0';
/** Of builds without a card, ~200 MB: what PyPI itself has for Linux is made for cards, and takes several GB. */
const torchIndex = 'https://download.pytorch.org/whl/cpu';
const versionNeeded = [3, 11];
const quietly = ['--quiet', '--disable-pip-version-check'];
const folders = ['gpu-container', 'infra-tests'];
/** Scripts that `local/python-clients.test.ts` runs, and no tests by themselves. */
const scripts = ['local/python-clients'];

/** Sums of the run and what it said; a run that could not happen, without a `python`, counts as one failure. */
export async function pythonTests(root, python) {
  if (python === null) return { passed: 0, failed: 1, said: '' };
  const lint = await runUnseen(python, ['-m', 'ruff', 'check', ...folders, ...scripts], { cwd: root });
  const tests = await runUnseen(python, ['-m', 'pytest', '-q', ...folders], { cwd: root });
  const passed = sum(tests.said, /(\d+) passed/) + (lint.code === 0 ? 1 : 0);
  const failed = sum(tests.said, /(\d+) failed/) + sum(tests.said, /(\d+) error/);
  const broken = (tests.code !== 0 && failed === 0 ? 1 : 0) + (lint.code === 0 ? 0 : 1);
  return { passed, failed: failed + broken, said: lint.said + tests.said };
}

/** The Python of the checkout's virtual environment; null, after a line that says why, when there can be none. */
export function ensurePython(root) {
  const python = findPython();
  if (python !== null) return ensureEnvironment(root, python);
  console.error(`No Python >= ${versionNeeded.join('.')} found; its tests and the contract check need one.`);
  return null;
}

/** A bill of materials of what the image `gpu` installs; see `gpu-container/runtime/sbom.py`. */
export function printPythonPackages(root) {
  const python = ensurePython(root);
  const asked = ['requirements.txt', 'requirements-quants.txt'].map(
    (file) => `gpu-container/runtime/${file}`,
  );
  const args = ['gpu-container/runtime/sbom.py', '--lock', requirements, ...asked];
  return python !== null && run(python, args, root, 'inherit').status === 0;
}

function findPython() {
  const test = `import sys; sys.exit(sys.version_info < (${versionNeeded.join(', ')}))`;
  return ['python3', 'python'].find((name) => spawnSync(name, ['-c', test]).status === 0) ?? null;
}

function ensureEnvironment(root, python) {
  const folder = join(root, '.venv');
  const venvPython = join(folder, 'bin', 'python');
  const marker = join(folder, '.requirements');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, requirements)))
    .update(torch)
    .digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return venvPython;
  console.error('Installing the Python test requirements (once) ...');
  if (run(python, ['-m', 'venv', '--clear', folder], root, 'inherit').status !== 0) return null;
  // Files of known hashes alone, and no package builds itself: what would run its setup script as us.
  const locked = ['--require-hashes', '--only-binary', ':all:', '--no-deps', '-r', requirements];
  if (!pip(venvPython, root, locked) || !installTorch(venvPython, root)) return null;
  writeFileSync(marker, wanted);
  return venvPython;
}

/** Its builds differ by index, and so do their hashes: what it needs is locked, and it alone is not. */
function installTorch(python, root) {
  const once = ['--no-deps', '--only-binary', ':all:', torch];
  const reach = ['--retries', '0', '--timeout', '10', '--index-url', torchIndex];
  const isThere = () => run(python, ['-c', 'import torch'], root, 'ignore').status === 0;
  return (pip(python, root, [...reach, ...once], 'ignore') || pip(python, root, once)) && isThere();
}

function pip(python, root, args, output = 'inherit') {
  return run(python, ['-m', 'pip', 'install', ...quietly, ...args], root, output).status === 0;
}

function run(command, args, cwd, output) {
  const errors = output === 'ignore' ? 'ignore' : 'inherit';
  return spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', output, errors] });
}

function sum(text, pattern) {
  return Number(pattern.exec(text)?.[1] ?? 0);
}
