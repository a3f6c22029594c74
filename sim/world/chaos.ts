/**
 * What befalls processes in the first phase of a run: killed at random, held still for longer than a lease, drained, or taken
 * away with their machine some time after they were told.
 */
import { nowAndThen } from './now-and-then.ts';
import { holdMsMax } from './process.ts';
import { drawsOf } from './quirks.ts';
import { oneOf } from './scenario.ts';
import type { World } from './world.ts';

const everyMsMean = 15_000;
const noticeEveryMsMean = 30_000;
/** Spot promises two minutes, as best it can. */
const noticesMs = [120_000, 120_000, 30_000, 5_000] as const;

/** Goes on until `isOver` says so. */
export async function runChaos(world: World, isOver: () => boolean): Promise<void> {
  const { loop, random } = world;
  await nowAndThen(loop, { random, everyMsMean, isOver }, () => strike(world));
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

/** Machines of Spot, in the worlds where they go; until `isOver` says so. */
export async function runNotices(world: World, isOver: () => boolean): Promise<void> {
  const { scenario, loop, fleet } = world;
  const random = drawsOf(scenario, 'notices');
  if (random === null) return;
  await nowAndThen(loop, { random, everyMsMean: noticeEveryMsMean, isOver }, () => {
    const workers = fleet.workers();
    const worker = workers[Math.floor(random() * workers.length)];
    const noticeMs = oneOf(random, noticesMs);
    worker?.drain();
    loop.after(noticeMs, () => worker?.process.kill());
  });
}
