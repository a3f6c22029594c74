import { describe, expect, it } from 'vitest';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
import { workerLimits } from '../limits.ts';
import { createCatalog, type Manifest } from './manifest.ts';
import { callPatienceMs, loadPatienceMs } from './patience.ts';

const { patienceMsMin, patiencePerPredicted } = workerLimits;

const time = { fixed_ms: 0, per_image_step_ms: 100_000, per_weighted_image_ms: 0, load_ms: 200_000 };
const slow: Manifest = { ...fakeManifest, id: 'slow', time };

function proxy(start: { readonly start_s?: number }): Manifest {
  const runtime = { runner: 'vllm_proxy', port: 8000, served_model: 'x', ...start } as const;
  return { ...fakeChatManifest, id: 'proxy', engine: 'python', pool: 'proxy', runtime };
}

describe('the patience with a call', () => {
  const catalog = createCatalog([fakeManifest, slow]);

  it('is that of every runner where little is predicted, and of a model that nobody knows', () => {
    expect(callPatienceMs(catalog, 'fake-image', [{ prompt: 'x' }])).toBe(patienceMsMin);
    expect(callPatienceMs(catalog, 'no-such-model', [{ prompt: 'x' }])).toBe(patienceMsMin);
  });

  it('is a multiple of what is predicted of all its jobs together', () => {
    const input = { prompt: 'x', n: 1, steps: 2 };

    expect(callPatienceMs(catalog, 'slow', [input, input])).toBe(patiencePerPredicted * 400_000);
  });
});

describe('the patience with a load', () => {
  it('is that of every runner, or a multiple of what the manifest says', () => {
    const catalog = createCatalog([fakeManifest, slow]);

    expect(loadPatienceMs(catalog, 'fake-image')).toBe(patienceMsMin);
    expect(loadPatienceMs(catalog, 'slow')).toBe(patiencePerPredicted * 200_000);
    expect(loadPatienceMs(catalog, 'no-such-model')).toBe(patienceMsMin);
  });

  it.each([
    [{}, 600_000],
    [{ start_s: 3600 }, 3_600_000],
  ])('outlasts the wait of a proxy for its server: %o', (start, waitMs) => {
    expect(loadPatienceMs(createCatalog([proxy(start)]), 'proxy')).toBe(waitMs + patienceMsMin);
  });
});
