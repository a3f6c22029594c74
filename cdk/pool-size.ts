/** How the workers of a pool share its instances: each has a card, or a part of one, and its part of the rest for its two containers. */
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

/** Of the instance's memory; the rest is for its system, the agent, and what the kernel keeps for itself. */
const memoryShare = 0.88;

/**
 * Of a worker itself, in MiB. It stands at 145 MB after a job; the batches in its hands (`workerLimits.batchesMax`) are a
 * frame each (`protocolLimits.frameBytesMax`) three times over, as text, bytes and pictures: 756 MiB; weights on their way
 * are 128 MiB.
 */
const workerMemoryMib = 1_536;

/** Of a small task; the same of its processors, which the two take from one another where one of them idles. */
const workerShare = 0.25;

/** A runner of torch alone takes 1.5 GiB before it holds any weights. */
export const taskMemoryMibMin = 2_048;

/** Of one container, in units of a thousandth of a processor (1024 to one) and MiB. */
export interface ContainerSize {
  readonly cpu: number;
  /** What is set aside for it. */
  readonly reservedMib: number;
  /** Past this it is out of memory. */
  readonly limitMib: number;
}

/** Of the instance, what one worker and its runners have together. */
export function taskMemoryMib(pool: Sized): number {
  return Math.floor((instanceTypes[pool.instanceType].memoryMib * memoryShare) / workersPerInstance(pool));
}

/**
 * The two containers of a task; what is set aside for them is all that the task has. A runner is held to that. Files that a
 * worker brings count as its own memory while the kernel keeps them, which it does as long as nobody else wants the room,
 * and its runner reads them next: so a worker may pass what is set aside for it.
 */
export function taskSize(pool: Sized): Readonly<Record<'worker' | 'runner', ContainerSize>> {
  const cpu = Math.floor((instanceTypes[pool.instanceType].processors * 1_024) / workersPerInstance(pool));
  const memoryMib = taskMemoryMib(pool);
  const workerCpu = Math.floor(cpu * workerShare);
  const workerMib = Math.min(workerMemoryMib, Math.floor(memoryMib * workerShare));
  const runnerMib = memoryMib - workerMib;
  return {
    worker: { cpu: workerCpu, reservedMib: workerMib, limitMib: memoryMib },
    runner: { cpu: cpu - workerCpu, reservedMib: runnerMib, limitMib: runnerMib },
  };
}
