/** What befalls processes in the first phase of a run: killed at random, held still for longer than a lease, drained. */
import { exponentialMs } from '../random.ts';
import { holdMsMax } from './process.ts';
import type { World } from './world.ts';

const everyMsMean = 15_000;

/** Goes on until `isOver` says so. */
export async function runChaos(world: World, isOver: () => boolean): Promise<void> {
  for (;;) {
    await world.loop.clock.sleep(exponentialMs(world.random, everyMsMean));
    if (isOver()) return;
    strike(world);
  }
}

function strike({ scenario, random, fleet, processes }: World): void {
  const workers = fleet.workers();
  const all = [...workers.map(({ process }) => process), ...processes()];
  const victim = all[Math.floor(random() * all.length)];
  const worker = workers[Math.floor(random() * workers.length)];
  const point = random();
  if (point < 0.4 && scenario.troubles.has('kills')) victim?.kill();
  else if (point < 0.7 && scenario.troubles.has('holds')) victim?.hold(random() * holdMsMax);
  else if (scenario.troubles.has('drains')) worker?.drain();
}
