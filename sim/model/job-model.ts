/**
 * One job, its ticket and its settlement as a finite state machine, small enough to look at every interleaving: two
 * workers, a sweep, a client that cancels, a ticket that is delivered twice, a worker that crashes. What a step writes
 * is what the product's own transitions say (`core/job/transitions.ts`); this file only says in which steps the flows
 * take them. Time is left out: a lease may run out and a hidden ticket may show at any moment, as with the worst clocks.
 */
import type { JobRecord } from '#core/job/job.ts';
import { nothingUsed } from '#core/job/job.ts';
import type { Guard, Transition } from '#core/job/transitions.ts';
import {
  afterClaim,
  cancelRunning,
  cancelWaiting,
  claim,
  fail,
  jobError,
  reclaim,
  requestCancel,
  succeed,
} from '#core/job/transitions.ts';

/** What the stores and the processes hold. Plain data: two states are one when they print alike. */
export interface ModelState {
  readonly job: JobRecord;
  readonly isLeaseOver: boolean;
  /** Where each ticket is: to be had, or in the hands of a worker, or with nobody until it shows again. */
  readonly tickets: readonly ('visible' | 'hidden' | number)[];
  /** Attempts whose result lies in the bucket. */
  readonly results: readonly number[];
  readonly charges: number;
  readonly isReserved: boolean;
  readonly workers: readonly Actor[];
  readonly sweep: Actor;
  readonly crashesLeft: number;
  readonly duplicatesLeft: number;
  readonly cancelsLeft: number;
  /** Leases that may still run out on a worker that lives: attempts without end would make states without end. */
  readonly lapsesLeft: number;
}

/** Where a process is in its flow, and the record as it last saw it. */
export interface Actor {
  readonly at: 'idle' | 'look' | 'run' | 'finish' | 'charge' | 'release' | 'acknowledge' | 'dead';
  readonly seen: JobRecord | null;
}

export interface Step {
  readonly name: string;
  readonly next: ModelState;
}

/** Whether the ledger takes a charge of a job that has so many. */
export type LedgerCondition = (charges: number) => boolean;

/** As `Ledger.append` promises it. */
const onlyOne: LedgerCondition = (charges) => charges === 0;

const nowMs = 1_000_000;
const idle: Actor = { at: 'idle', seen: null };

export function firstState(job: JobRecord, workers = 2): ModelState {
  return {
    job,
    isLeaseOver: false,
    tickets: ['visible'],
    results: [],
    charges: 0,
    isReserved: true,
    workers: Array.from({ length: workers }, () => idle),
    sweep: idle,
    crashesLeft: 1,
    duplicatesLeft: 1,
    cancelsLeft: 1,
    lapsesLeft: 2,
  };
}

/** Two states with one key have the same future: the record's other fields never change here. */
export function keyOf({ job, workers, sweep, ...rest }: ModelState): string {
  const brief = (seen: JobRecord | null) =>
    seen && [seen.status, seen.place, seen.attempt, seen.cancelRequestedAtMs, seen.outputs[0]?.path];
  const actors = [...workers, sweep].map(({ at, seen }) => [at, brief(seen)]);
  return JSON.stringify([brief(job), actors, rest]);
}

/** Every step that may come next. */
export function stepsFrom(state: ModelState, mayEnter = onlyOne): Step[] {
  return [
    ...state.workers.flatMap((worker, index) => workerSteps(state, worker, index, mayEnter)),
    ...sweepSteps(state, mayEnter),
    ...outsideSteps(state),
  ];
}

/** Ended and paid for, and no reservation left. */
export function isSettled({ job, charges, isReserved }: ModelState): boolean {
  return job.place.kind === 'done' && charges === 1 && !isReserved;
}

function workerSteps(state: ModelState, worker: Actor, index: number, mayEnter: LedgerCondition): Step[] {
  const name = (what: string) => `worker ${index} ${what}`;
  const to = (actor: Actor, more: Partial<ModelState> = {}): ModelState => ({
    ...state,
    ...more,
    workers: state.workers.map((each, at) => (at === index ? actor : each)),
  });
  const crash: Step[] =
    state.crashesLeft > 0 && worker.at !== 'dead' && worker.at !== 'idle'
      ? [{ name: name('crashes'), next: to({ at: 'dead', seen: null }, dropped(state, index)) }]
      : [];
  switch (worker.at) {
    case 'idle': {
      const ticket = state.tickets.indexOf('visible');
      if (ticket === -1) return [];
      return [
        {
          name: name('receives'),
          next: to({ at: 'look', seen: null }, { tickets: put(state, ticket, index) }),
        },
      ];
    }
    case 'look':
      return [{ name: name('looks'), next: look(state, to, index) }, ...crash];
    case 'run':
      return [
        { name: name('uploads'), next: to({ ...worker, at: 'finish' }, uploaded(state, worker)) },
        ...crash,
      ];
    case 'finish':
      return [{ name: name('finishes'), next: finished(state, worker, to) }, ...crash];
    case 'charge':
      return [
        {
          name: name('charges'),
          next: to({ ...worker, at: 'release' }, { charges: charged(state, mayEnter) }),
        },
        ...crash,
      ];
    case 'release':
      return [
        { name: name('releases'), next: to({ ...worker, at: 'acknowledge' }, { isReserved: false }) },
        ...crash,
      ];
    case 'acknowledge':
      return [
        { name: name('deletes its ticket'), next: to(idle, { tickets: without(state, index) }) },
        ...crash,
      ];
    case 'dead':
      // Another takes its place.
      return [{ name: name('is replaced'), next: to(idle) }];
  }
}

type To = (actor: Actor, more?: Partial<ModelState>) => ModelState;

/** A consistent read of the job that the ticket names, and a claim where it may be had: two workers may both try. */
function look(state: ModelState, to: To, index: number): ModelState {
  const { job, isLeaseOver } = state;
  if (job.place.kind === 'done') return to(idle, { tickets: without(state, index) });
  const workerId = `worker-${index}`;
  const transition =
    job.place.kind === 'line'
      ? claim(job, workerId, nowMs)
      : isLeaseOver
        ? reclaim(job, workerId, nowMs)
        : null;
  const claimed = transition === null ? null : applied(state, transition);
  // Back for another look later, as a ticket does that found nothing while somebody is at work.
  if (claimed === null) return to(idle, { tickets: put(state, state.tickets.indexOf(index), 'hidden') });
  return to({ at: 'run', seen: claimed }, { job: claimed, isLeaseOver: false });
}

function finished(state: ModelState, { seen }: Actor, to: To): ModelState {
  if (seen === null) return to(idle);
  const job = applied(state, endOf(seen));
  // Fenced off: somebody else has the job, and its settlement with it.
  return job === null ? to({ at: 'acknowledge', seen: null }) : to({ at: 'charge', seen: job }, { job });
}

/** What the record as it was claimed calls for. */
function endOf(seen: JobRecord): Transition {
  const after = afterClaim(seen);
  switch (after.next) {
    case 'cancel':
      return cancelRunning(seen, nowMs, {});
    case 'fail':
      return fail(seen, nowMs, jobError(after.code));
    case 'run': {
      const path = `jobs/${seen.jobId}/${seen.attempt}/0.png`;
      const output = { type: 'image', path, contentType: 'image/png', bytes: 1, sha256: '' } as const;
      const usage = { ...nothingUsed, gpuMs: 1, images: 1, weightedImages: 1 };
      const timings = { queuedMs: 0, loadMs: 0, runMs: 1, uploadMs: 0 };
      const receipt = {
        workerId: '',
        engine: 'fake',
        modelRevision: '1',
        batchSize: 1,
        seeds: [],
        unknownWords: [],
        versions: {},
      };
      return succeed(seen, nowMs, [output], { usage, costUsdMicros: 1, timings, receipt });
    }
  }
}

/** The record after the transition, or null when its guard does not hold. */
function applied({ job, isLeaseOver }: ModelState, { guard, patch }: Transition): JobRecord | null {
  return holds(guard, job, isLeaseOver) ? { ...job, ...patch } : null;
}

function holds(
  { attempt, place, leaseExpiredBeforeMs }: Guard,
  job: JobRecord,
  isLeaseOver: boolean,
): boolean {
  if (job.attempt !== attempt || job.place.kind !== place) return false;
  return leaseExpiredBeforeMs === undefined || isLeaseOver;
}

/** The sweep looks at a reservation past its grace, and settles in two writes, as a worker does. */
function sweepSteps(state: ModelState, mayEnter: LedgerCondition): Step[] {
  const { sweep, job } = state;
  switch (sweep.at) {
    case 'idle': {
      const steps: Step[] = [];
      if (state.isReserved && job.place.kind === 'done') {
        steps.push({
          name: 'sweep finds it unsettled',
          next: { ...state, sweep: { at: 'charge', seen: job } },
        });
      }
      if (state.tickets.length === 0 && job.place.kind !== 'done') {
        steps.push({ name: 'sweep sends a ticket', next: { ...state, tickets: ['visible'] } });
      }
      return steps;
    }
    case 'charge':
      return [
        {
          name: 'sweep charges',
          next: { ...state, sweep: { ...sweep, at: 'release' }, charges: charged(state, mayEnter) },
        },
      ];
    default:
      return [{ name: 'sweep releases', next: { ...state, sweep: idle, isReserved: false } }];
  }
}

function outsideSteps(state: ModelState): Step[] {
  const { job, tickets } = state;
  const steps: Step[] = [];
  if (job.place.kind === 'lease' && !state.isLeaseOver) {
    const isHeld = state.workers.some(({ seen }) => seen?.attempt === job.attempt);
    const lapsesLeft = state.lapsesLeft - (isHeld ? 1 : 0);
    if (lapsesLeft >= 0)
      steps.push({ name: 'the lease runs out', next: { ...state, isLeaseOver: true, lapsesLeft } });
  }
  for (const [index, ticket] of tickets.entries()) {
    if (ticket !== 'visible')
      steps.push({ name: 'a ticket shows again', next: { ...state, tickets: put(state, index, 'visible') } });
  }
  if (state.duplicatesLeft > 0 && tickets.length > 0) {
    const next = {
      ...state,
      duplicatesLeft: state.duplicatesLeft - 1,
      tickets: [...tickets, 'visible' as const],
    };
    steps.push({ name: 'a ticket is delivered twice', next });
  }
  if (state.cancelsLeft > 0 && job.place.kind !== 'done')
    steps.push({ name: 'the client cancels', next: canceled(state) });
  return steps;
}

function canceled(state: ModelState): ModelState {
  const left = { ...state, cancelsLeft: state.cancelsLeft - 1 };
  const { job } = state;
  const next = applied(
    state,
    job.place.kind === 'line' ? cancelWaiting(job, nowMs) : requestCancel(job, nowMs),
  );
  // Who cancels what waits settles it; if that is lost, the sweep does.
  return next === null ? left : { ...left, job: next };
}

/** A charge is entered where the ledger's condition lets it: under "no charge of this job yet". */
function charged({ charges }: ModelState, mayEnter: LedgerCondition): number {
  return mayEnter(charges) ? charges + 1 : charges;
}

function uploaded({ results }: ModelState, { seen }: Actor): Partial<ModelState> {
  return { results: [...new Set([...results, seen?.attempt ?? 0])].toSorted() };
}

function dropped(state: ModelState, index: number): Partial<ModelState> {
  const tickets = state.tickets.map((ticket) => (ticket === index ? 'hidden' : ticket));
  return { tickets, crashesLeft: state.crashesLeft - 1 };
}

function put(
  { tickets }: ModelState,
  index: number,
  to: ModelState['tickets'][number],
): ModelState['tickets'] {
  return tickets.map((ticket, at) => (at === index ? to : ticket));
}

/** Without the ticket that the worker holds; one that showed again meanwhile is another delivery, and stays. */
function without({ tickets }: ModelState, index: number): ModelState['tickets'] {
  const held = tickets.indexOf(index);
  return tickets.filter((_, at) => at !== held);
}
