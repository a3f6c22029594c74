import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createCatalog } from '../models/manifest.ts';
import { firstModels } from './first-models.ts';
import { noOrders } from './pool-orders.ts';

const catalog = createCatalog(['one', 'two', 'three'].map((id) => ({ ...fakeManifest, id })));
const models = catalog.poolModels(fakeManifest.pool);

const warmups = [
  { tenantId: 'a', warmupId: 'w1', model: 'three', untilMs: 3_000 },
  { tenantId: 'b', warmupId: 'w2', model: 'one', untilMs: 2_000 },
  { tenantId: 'c', warmupId: 'w3', model: 'gone', untilMs: 9_000 },
  { tenantId: 'd', warmupId: 'w4', model: 'three', untilMs: 1_000 },
];

function namesAt(nowMs: number): string[] {
  return firstModels(models, { ...noOrders, warmups }, nowMs).map(({ manifest }) => manifest.id);
}

describe('firstModels', () => {
  it('are those of the warm-ups that stand, the one that is to stay longest at the end', () => {
    expect(namesAt(0)).toEqual(['one', 'three']);
    expect(namesAt(2_000)).toEqual(['three']);
    expect(namesAt(3_000)).toEqual([]);
  });

  it('are the only model of a pool that has one, whoever asked for it', () => {
    const [only] = models;
    if (only === undefined) throw new Error('the catalog has models');

    expect(firstModels([only], noOrders, 0)).toEqual([only]);
  });
});
