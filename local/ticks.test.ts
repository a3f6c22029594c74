import { describe, expect, it } from 'vitest';
import { spanOf } from '#core/billing/instance-bill.ts';
import { costLimits, sweepLimits } from '#core/limits.ts';
import { createFlowWorld, worldPool } from '#sim/memory/flow-world.ts';
import { startTicks } from './ticks.ts';

const bounds = { workersMin: 0, workersMax: 1, idleTimeoutMs: 30_000 };

async function start() {
  const world = await createFlowWorld();
  const reads: string[] = [];
  const ledger = {
    ...world.ledger,
    async statements(month: string) {
      reads.push(month);
      return world.ledger.statements(month);
    },
  };
  let jumpedMs = 0;
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + jumpedMs };
  return {
    world,
    reads,
    ticks: startTicks({ ...world, clock, ledger }, bounds),
    /** Without the ticks in between. */
    jumpTo: (nowMs: number) => {
      jumpedMs = nowMs - world.clock.nowMs();
    },
  };
}

describe('the minute tick', () => {
  it('closes the month that is due, looks no further, and goes on to the next when that is due', async () => {
    const { world, reads, ticks, jumpTo } = await start();

    await world.clock.advance(3 * sweepLimits.everyMs);
    const seen = [...reads];
    jumpTo(spanOf('203003').toMs + costLimits.closeAfterMs);
    await world.clock.advance(sweepLimits.everyMs);
    await ticks.stop();

    expect(new Set(seen)).toEqual(new Set(['203002']));
    expect(seen.length).toBeLessThanOrEqual(2);
    for (const month of ['203002', '203003']) {
      expect((await world.ledger.statements(month)).map(({ pool }) => pool)).toEqual([worldPool]);
    }
    expect(world.log.events().filter((event) => event === 'month.closed')).toHaveLength(2);
  });

  it('tries again in a minute when a close fails', async () => {
    const world = await createFlowWorld();
    let failures = 0;
    const ledger = {
      ...world.ledger,
      async statements(month: string) {
        if (failures === 2) return world.ledger.statements(month);
        failures += 1;
        throw new Error('the table is away');
      },
    };
    const ticks = startTicks({ ...world, ledger }, bounds);

    await world.clock.advance(3 * sweepLimits.everyMs);
    await ticks.stop();

    expect(world.log.events().filter((event) => event.startsWith('month.'))).toEqual([
      'month.close_failed',
      'month.close_failed',
      'month.closed',
    ]);
  });
});
