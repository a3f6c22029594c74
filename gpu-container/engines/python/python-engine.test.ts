/** The Python runtime (`gpu-container/runtime`) under the suite of every engine, with real pipelines of random weights. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { engineContract } from '../engine.contract.ts';

const runtimeDir = join(import.meta.dirname, '..', '..', 'runtime');
const python = process.env.PILOTLIGHT_PYTHON ?? '';
const modelsDir = python === '' ? '' : makeModels();

const options = {
  // More threads gain nothing with models this small, and spin while they wait for each other.
  command: [python, join(runtimeDir, 'run.py'), '--threads', '1'],
  modelsDir,
};

describe.skipIf(python === '')(
  'with Z-Image (PILOTLIGHT_PYTHON names a Python with torch; npm test sets it)',
  () => {
    afterAll(() => rmSync(modelsDir, { recursive: true, force: true }));

    engineContract('python', options, {
      model: 'tiny-z-image',
      quick: { prompt: 'a red circle', n: 2, steps: 3, size: 32, seed: 7 },
      quickSteps: 3,
      slow: { prompt: 'a red circle', steps: 24, size: 128, seed: 7 },
      invalid: { prompt: 'a red circle', steps: 0 },
      batchTolerance: 1,
    });
  },
);

function makeModels(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-models-'));
  execFileSync(python, [join(runtimeDir, 'tests', 'tiny_z_image.py'), folder], { stdio: 'pipe' });
  return folder;
}
