/** How the workers of a pool share its instances: each has a card, or a part of one. */
import { cards } from '#core/models/cards.ts';
import type { PoolConfig } from './config.ts';
import { instanceTypes } from './instance-types.ts';

/** Of each instance's disk: gp3 gives 125 MB/s for nothing; twice that halves reading weights. */
export const diskMibPerSecond = 250;

type Sized = Pick<PoolConfig, 'instanceType' | 'workersPerCard'>;

export function workersPerInstance({ instanceType, workersPerCard }: Sized): number {
  return instanceTypes[instanceType].cards * workersPerCard;
}

/** Of the card's memory, in units of 10^6 bytes, what one worker has. */
export function workerCardMb({ instanceType, workersPerCard }: Sized): number {
  return Math.floor(cards[instanceTypes[instanceType].card].memoryMb / workersPerCard);
}

/** Instances that so many workers need. */
export function instancesFor(workers: number, pool: Sized): number {
  return Math.ceil(workers / workersPerInstance(pool));
}
