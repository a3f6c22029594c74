/** The dispatchers that the fairness benchmark compares, by the name in its tables. */
import type { Dispatcher } from '../simulate.ts';
import { createFifo } from './fifo.ts';
import { createLeastServed } from './least-served.ts';
import { createPilotlight } from './pilotlight.ts';
import { createRoundRobin } from './round-robin.ts';
import { createSqsFair } from './sqs-fair.ts';

export const dispatchers = {
  fifo: createFifo,
  'sqs-fair, in flight': () => createSqsFair('in_flight'),
  'sqs-fair, time': () => createSqsFair('processing_time'),
  'round robin': createRoundRobin,
  'least served': createLeastServed,
  pilotlight: () => createPilotlight(),
} as const satisfies Record<string, () => Dispatcher>;

export type DispatcherName = keyof typeof dispatchers;
