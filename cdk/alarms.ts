/**
 * Every alarm there is, what it watches, and the heading of docs/runbook.md that says what to do. An alarm that is not here
 * cannot be made; the metrics of ten of an account cost nothing, each further one $0.10 a month.
 */
export type Watched = 'queue' | 'dead letters' | 'throttles' | 'wakes' | 'answers' | 'invocations' | 'cost';

interface AlarmRow {
  readonly watches: readonly Watched[];
  readonly heading: string;
  readonly description: string;
}

export const alarms = {
  deadLetters: {
    watches: ['dead letters'],
    heading: 'Tickets nobody could use',
    description: 'A ticket was delivered a thousand times and moved aside',
  },
  oldTicket: {
    watches: ['queue', 'wakes'],
    heading: 'A pool does not get to its work',
    description: 'A ticket has waited longer than a cold pool takes to wake',
  },
  lostDrops: {
    watches: ['dead letters'],
    heading: 'A dropped file was given up',
    description: 'A file that a tenant put into the bucket could not be taken ten times',
  },
  oldDrop: {
    watches: ['queue'],
    heading: 'Dropped files are not taken',
    description: 'A file that a tenant put into the bucket has waited for half an hour',
  },
  apiFaults: {
    watches: ['answers'],
    heading: 'The API answers with faults',
    description: 'More than a few answers in a hundred were 5xx',
  },
  lostInvocations: {
    watches: ['invocations', 'queue'],
    heading: 'An invocation was given up',
    description: 'A tick, a wake or an event of the fleet failed after its last try',
  },
  functionFaults: {
    watches: ['invocations', 'throttles'],
    heading: 'A function fails or is throttled',
    description: 'An invocation ended in an error, or was not let in',
  },
  failedBoots: {
    watches: ['wakes'],
    heading: 'Machines do not come up',
    description: 'Launches of instances failed, one after another',
  },
  stuckInstances: {
    watches: ['wakes', 'cost'],
    heading: 'Instances never take work',
    description: 'Instances run that never joined their cluster, and are not replaced any more',
  },
  tableThrottles: {
    watches: ['throttles'],
    heading: 'A table turns requests away',
    description: 'Reads or writes of a table were throttled',
  },
  budget: {
    watches: ['cost'],
    heading: 'The month costs more than planned',
    description: 'A part of the budget of the month is spent',
  },
} as const satisfies Readonly<Record<string, AlarmRow>>;

/** Those that CloudWatch has; the budget tells of itself. */
export type AlarmName = Exclude<keyof typeof alarms, 'budget'>;
