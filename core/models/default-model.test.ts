import { describe, expect, it } from 'vitest';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
import { defaultModel } from './default-model.ts';
import type { Manifest } from './manifest.ts';
import { createCatalog } from './manifest.ts';

const real = { engine: 'python', pool: 'card' } as const;
const manifests: Manifest[] = [
  fakeManifest,
  fakeChatManifest,
  { ...fakeManifest, ...real, id: 'z-draws' },
  { ...fakeManifest, ...real, id: 'm-draws' },
];
const catalog = createCatalog(manifests);

describe('the model of a request that names none', () => {
  it.each([
    [null, 'text-to-image', 'm-draws'],
    [['z-draws', 'fake-image'], 'text-to-image', 'z-draws'],
    [['fake-image'], 'text-to-image', 'fake-image'],
    [['fake-image'], 'chat', null],
    [null, 'chat', 'fake-chat'],
    [[], 'text-to-image', null],
  ] as const)('of those that %j grants for %s is %s', (granted, task, id) => {
    expect(defaultModel(catalog, granted, task)).toBe(id);
  });
});
