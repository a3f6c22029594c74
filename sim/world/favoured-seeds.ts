/** Which worlds a fault is looked for in: some callers are in few of them. */
import { batchChance } from './batches.ts';
import { dropChance } from './drops.ts';
import { portionChance } from './portions.ts';
import { quirkChance } from './quirks.ts';
import { retryChance } from './retries.ts';
import { fileChance } from './tenant-files.ts';

/** Whether the caller, or that call of it, is in the world of a seed; of others nobody can tell before it has run. */
const isThere: Readonly<Record<string, (seed: number) => boolean>> = {
  batcher: (seed) => batchChance(seed) !== null,
  dead_letters: (seed) => quirkChance(seed, 'aside') !== null,
  drop: (seed) => batchChance(seed) !== null && dropChance(seed) !== null,
  file: (seed) => fileChance(seed) !== null,
  portion: (seed) => portionChance(seed) !== null,
  purge: (seed) => retryChance(seed) !== null,
  'sweep files.remove': (seed) => fileChance(seed) !== null,
};

/** The first seed from `seed` on whose world may have the caller of what is favoured (`caller port.method kind`). */
export function seedFor(favour: string, seed: number): number {
  const [caller = '', call] = favour.split(' ');
  const may = isThere[`${caller} ${call}`] ?? isThere[caller] ?? (() => true);
  let next = seed;
  while (!may(next)) next += 1;
  return next;
}
