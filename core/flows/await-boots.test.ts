import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryPools } from '#sim/memory/memory-pools.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import { fleetLimits } from '../limits.ts';
import { lookAtBoots, noteBoots } from './await-boots.ts';

function portsOf() {
  const clock = createManualClock(1_000);
  return { clock, pools: createMemoryPools(), log: createRecordingLog(), metrics: createRecordingMetrics() };
}

let ports: ReturnType<typeof portsOf>;

const look = () => lookAtBoots(ports, 'demo', { notJoined: ['i-1'], joinedAtMs: null });
const watch = async () => (await ports.pools.read('demo')).boots;

beforeEach(async () => {
  ports = portsOf();
  await noteBoots(ports, await look(), []);
});

describe('a look at instances that boot', () => {
  it('writes nothing where it sees what the one before saw', async () => {
    const before = await watch();

    await noteBoots(ports, await look(), []);

    expect(await watch()).toEqual(before);
    expect(before).toMatchObject({ version: 1, waiting: { 'i-1': 1_000 } });
  });

  it('lets one of two that look at once replace a lost instance, and counts one try', async () => {
    await ports.clock.advance(fleetLimits.joinMs);
    const looks = [await look(), await look()];

    const ended = await Promise.all(looks.map((each) => noteBoots(ports, each, ['i-1', 'closed'])));

    expect(ended).toEqual([['i-1', 'closed'], ['closed']]);
    expect((await watch()).replaced).toHaveLength(1);
    expect(ports.metrics.samples()).toEqual(['boots_failed{pool=demo} 1']);
  });

  it('names a lost instance again after a crash before it was ended, as the same try', async () => {
    await ports.clock.advance(fleetLimits.joinMs);
    await noteBoots(ports, await look(), ['i-1']);
    await ports.clock.advance(60_000);

    expect(await noteBoots(ports, await look(), ['i-1'])).toEqual(['i-1']);
    expect((await watch()).replaced).toHaveLength(1);
  });
});
