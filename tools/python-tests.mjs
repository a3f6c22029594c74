// Runs the Python tests, and the check of the API against its document, in a virtual environment of the checkout that is
// made anew when its requirements change.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const requirements = 'tools/requirements-test.txt';
const versionNeeded = [3, 11];
const quietly = ['--quiet', '--disable-pip-version-check'];
const folders = ['gpu-container', 'infra-tests'];

/** Sums of the run; a run that could not happen counts as one failure. */
export function pythonTests(root) {
  console.log('\n== Python tests');
  const python = ensurePython(root);
  if (python === null) return { passed: 0, failed: 1 };
  const lint = run(python, ['-m', 'ruff', 'check', ...folders], root, 'inherit');
  const { status, stdout } = run(python, ['-m', 'pytest', '-q', ...folders], root, 'pipe');
  process.stdout.write(stdout ?? '');
  const passed = sum(stdout, /(\d+) passed/);
  const failed = sum(stdout, /(\d+) failed/) + sum(stdout, /(\d+) error/);
  const broken = (status !== 0 && failed === 0 ? 1 : 0) + (lint.status === 0 ? 0 : 1);
  return { passed: passed + (lint.status === 0 ? 1 : 0), failed: failed + broken };
}

/** The Python of the checkout's virtual environment; null, after a line that says why, when there can be none. */
export function ensurePython(root) {
  const python = findPython();
  if (python !== null) return ensureEnvironment(root, python);
  console.log(`No Python >= ${versionNeeded.join('.')} found; its tests and the contract check need one.`);
  return null;
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
    .digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return venvPython;
  console.log('Installing the Python test requirements (once) ...');
  const steps = [
    [python, ['-m', 'venv', '--clear', folder]],
    // Files of known hashes alone, and no package builds itself: what would run its setup script as us.
    [
      venvPython,
      ['-m', 'pip', 'install', ...quietly, '--require-hashes', '--only-binary', ':all:', '-r', requirements],
    ],
  ];
  for (const [command, args] of steps) {
    if (run(command, args, root, 'inherit').status !== 0) return null;
  }
  writeFileSync(marker, wanted);
  return venvPython;
}

function run(command, args, cwd, output) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', output, 'inherit'] });
}

function sum(text, pattern) {
  return Number(pattern.exec(text ?? '')?.[1] ?? 0);
}
