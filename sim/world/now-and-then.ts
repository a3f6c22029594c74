/** What somebody does beside everything else in a world: at moments drawn by chance, while it goes on. */
import type { Random } from '../random.ts';
import { exponentialMs } from '../random.ts';
import type { Loop } from './loop.ts';

export interface Pace {
  readonly random: Random;
  readonly everyMsMean: number;
  /** @default without an end */
  readonly times?: number;
  isOver(): boolean;
}

/** Acts again and again until it is over, or `times` times; nothing waits for what an act began. */
export async function nowAndThen(
  { clock }: Pick<Loop, 'clock'>,
  { random, everyMsMean, times = Number.POSITIVE_INFINITY, isOver }: Pace,
  act: () => void,
): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    await clock.sleep(exponentialMs(random, everyMsMean));
    if (isOver()) return;
    act();
  }
}
