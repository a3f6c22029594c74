/**
 * Every alarm there is, and the heading of docs/runbook.md that says what to do. An alarm that is not here cannot be made; ten
 * of an account cost nothing, each further one $0.10 a month.
 */
export const alarms = {
  deadLetters: {
    heading: 'Tickets nobody could use',
    description: 'A ticket was delivered a thousand times and moved aside',
  },
  oldTicket: {
    heading: 'A pool does not get to its work',
    description: 'A ticket has waited longer than a cold pool takes to wake',
  },
  lostDrops: {
    heading: 'A dropped file was given up',
    description: 'A file that a tenant put into the bucket could not be taken ten times',
  },
  oldDrop: {
    heading: 'Dropped files are not taken',
    description: 'A file that a tenant put into the bucket has waited for half an hour',
  },
  apiFaults: {
    heading: 'The API answers with faults',
    description: 'More than a few answers in a hundred were 5xx',
  },
  lostInvocations: {
    heading: 'An invocation was given up',
    description: 'A tick, a wake or an event of the fleet failed after its last try',
  },
  functionFaults: {
    heading: 'A function fails or is throttled',
    description: 'An invocation ended in an error, or was not let in',
  },
} as const satisfies Readonly<Record<string, { readonly heading: string; readonly description: string }>>;

export type AlarmName = keyof typeof alarms;
