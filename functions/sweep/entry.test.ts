import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { worldPool } from '#sim/memory/flow-world.ts';
import type { EntryScene } from '../entry-scene.ts';
import { createEntryScene } from '../entry-scene.ts';

let scene: EntryScene;
let handler: () => Promise<void>;

beforeAll(async () => {
  scene = await createEntryScene({ PILOTLIGHT_SCALER_FUNCTION: 'scaler' });
  ({ handler } = await import('./entry.ts'));
});

afterAll(() => scene.close());

describe('the sweep function', () => {
  it('makes a ticket that was lost, and makes no second one', async () => {
    const job = await scene.submitJob();
    const lost = await scene.ports.tickets.receive(worldPool, 1, 1_000);
    await scene.ports.tickets.delete(worldPool, lost);
    expect(await scene.ports.tickets.depth(worldPool)).toEqual({ visible: 0, hidden: 0 });

    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await handler();
    await handler();
    const lines = written.mock.calls.map(([line]) => JSON.parse(String(line)));
    written.mockRestore();

    expect(await scene.ports.tickets.depth(worldPool)).toEqual({ visible: 1, hidden: 0 });
    expect(lines).toMatchObject([{ event: 'sweep.repaired', repair: 'ticketsSent', sweep_repairs: 1 }]);
    const [found] = await scene.ports.tickets.receive(worldPool, 1, 1_000);
    expect(found).toMatchObject({ tenantId: job.tenantId, jobId: job.jobId });
  });
});
