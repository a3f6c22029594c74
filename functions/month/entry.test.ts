import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dueMonth } from '#core/flows/close-month.ts';
import { worldPool } from '#sim/memory/flow-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';

let scene: EntryScene;
let handler: () => Promise<void>;

beforeAll(async () => {
  scene = await createEntryScene({ PILOTLIGHT_PRICING: 'at_cost' });
  ({ handler } = await import('./entry.ts'));
});

afterAll(() => scene.close());

describe('the function that closes months', () => {
  it('states the month that is due for every pool, once however often it runs', async () => {
    const month = dueMonth(Date.now());
    expect(await scene.ports.ledger.statements(month)).toEqual([]);

    await handler();
    const stated = await scene.ports.ledger.statements(month);
    await handler();

    expect(stated).toMatchObject([{ pool: worldPool, month, pricing: 'at_cost' }]);
    expect(await scene.ports.ledger.statements(month)).toEqual(stated);
  });
});
