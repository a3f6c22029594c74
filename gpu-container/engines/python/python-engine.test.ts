/** The Python runtime (`gpu-container/runtime`) under the suite of every engine, with real pipelines of random weights. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, vi } from 'vitest';
import { engineContract } from '../engine.contract.ts';

const runtimeDir = join(import.meta.dirname, '..', '..', 'runtime');
const python = process.env.PILOTLIGHT_PYTHON ?? '';
const modelsDir = python === '' ? '' : makeModels();

// Importing torch and diffusers takes 5 s of a core that is free, and several times that of one that is not.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const options = {
  // More threads gain nothing with models this small, and spin while they wait for each other.
  command: [python, join(runtimeDir, 'run.py'), '--threads', '1'],
  modelsDir,
};

describe.skipIf(python === '')('(PILOTLIGHT_PYTHON names a Python with torch; npm test sets it)', () => {
  afterAll(() => rmSync(modelsDir, { recursive: true, force: true }));

  describe('with Z-Image', () => {
    engineContract('python', options, {
      model: 'tiny-z-image',
      quick: { prompt: 'a red circle', n: 2, steps: 3, size: 32, seed: 7 },
      quickSteps: 3,
      slow: { prompt: 'a red circle', steps: 24, size: 128, seed: 7 },
      invalid: { prompt: 'a red circle', steps: 0 },
      batchTolerance: 1,
      previews: [2],
      adapters: adaptersOf('tiny-z-image'),
    });
  });

  describe('with NewBie', () => {
    engineContract('python', options, {
      model: 'tiny-newbie',
      quick: { prompt: '1girl, red_eyes', negative_prompt: 'blurry', n: 2, steps: 3, size: 32, seed: 7 },
      quickSteps: 3,
      slow: { prompt: '1girl, red_eyes', steps: 24, size: 128, seed: 7 },
      invalid: { prompt: '1girl, red_eyes', guidance_scale: 0 },
      batchTolerance: 1,
      previews: [2],
      adapters: adaptersOf('tiny-newbie'),
    });
  });

  describe('with Qwen3-VL', () => {
    const question = { messages: [{ role: 'user', content: 'what is new here?' }], temperature: 0, seed: 7 };

    engineContract('python', options, {
      model: 'tiny-qwen-vl',
      makes: 'text',
      quick: { ...question, max_tokens: 4 },
      quickSteps: 4,
      slow: { ...question, max_tokens: 60 },
      invalid: { ...question, max_tokens: 0 },
    });
  });
});

function adaptersOf(model: string): readonly [string, string] {
  const path = (index: number) => join(modelsDir, model, 'adapters', `${index}.safetensors`);
  return [path(0), path(1)];
}

function makeModels(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-models-'));
  execFileSync(python, [join(runtimeDir, 'tests', 'make_models.py'), folder], { stdio: 'pipe' });
  return folder;
}
