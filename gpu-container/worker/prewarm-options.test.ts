import { describe, expect, it } from 'vitest';
import { parseEnv } from '#aws/env.ts';
import { prewarmEnvSchema } from './env.ts';
import { parsePrewarmOptions, prewarmHelp } from './prewarm-options.ts';

describe('the command line of prewarm', () => {
  it('asks for everything when it asks for nothing', () => {
    expect(parsePrewarmOptions([])).toEqual({ model: [], depth: 'shapes', timeout: 900 });
  });

  it('takes models one by one, a depth and a time', () => {
    const args = ['--model', 'a', '--model', 'b', '--depth', 'weights', '--timeout', '60'];

    expect(parsePrewarmOptions(args)).toEqual({ model: ['a', 'b'], depth: 'weights', timeout: 60 });
  });

  it('explains itself, with examples', () => {
    expect(parsePrewarmOptions(['--help'])).toBeNull();
    expect(prewarmHelp).toContain('worker prewarm --depth weights');
  });

  it.each([
    ['--depth', ['--depth', 'deep']],
    ['--timeout', ['--timeout', 'soon']],
    ['--timeout', ['--timeout', '0']],
    ['--fast', ['--fast']],
    ['extra', ['extra']],
  ])('refuses %s, and names it', (name, args) => {
    expect(() => parsePrewarmOptions(args)).toThrow(name);
  });
});

describe('the environment of prewarm', () => {
  const env = { PILOTLIGHT_POOL: 'demo', PILOTLIGHT_MODELS_DIR: '/models' };

  it('needs no store where the weights lie beside the manifests', () => {
    expect(parseEnv(prewarmEnvSchema, env)).toMatchObject({ ...env, PILOTLIGHT_DEVICE: 'cpu' });
  });

  it.each([
    ['PILOTLIGHT_POOL', { PILOTLIGHT_POOL: '' }],
    ['PILOTLIGHT_MODELS_DIR', { PILOTLIGHT_MODELS_DIR: 'models' }],
    ['PILOTLIGHT_BUCKET', { PILOTLIGHT_WEIGHTS_DIR: '/weights', AWS_REGION: 'eu-central-1' }],
    ['AWS_REGION', { PILOTLIGHT_WEIGHTS_DIR: '/weights', PILOTLIGHT_BUCKET: 'bucket' }],
    ['PILOTLIGHT_READY_FILE', { PILOTLIGHT_READY_FILE: 'ready' }],
  ])('refuses to go on without %s, and names it', (name, change) => {
    expect(() => parseEnv(prewarmEnvSchema, { ...env, ...change })).toThrow(name);
  });
});
