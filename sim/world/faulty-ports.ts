/** The ports as one process sees them: every call takes time, and may come to any fault of the plan. */
import type { Random } from '../random.ts';
import type { OutsidePorts, PortName, Service, Site } from './calls.ts';
import { calls, isWrite, serviceOf } from './calls.ts';
import type { Absence, FaultKind, FaultPlan } from './faults.ts';
import { SimulatedFault } from './faults.ts';
import type { Loop } from './loop.ts';
import { never } from './loop.ts';
import type { Process } from './process.ts';
import { holdMsMax } from './process.ts';

export interface Outside {
  readonly loop: Loop;
  readonly random: Random;
  readonly plan: FaultPlan;
  readonly ports: OutsidePorts;
  /** How the service is out of reach now, or null. */
  absenceOf(service: Service): Absence | null;
  /** Whether the service turns this request away, as a table or a queue that is asked too much does. */
  isThrottled(): boolean;
  /** Is told of each request that was turned away and sent again. */
  onRetry(): void;
  /** Sees every call: for counting, so that a loop that asks without end is found, and for telling what a run did. */
  onCall(call: Call): void;
}

export interface Call {
  readonly process: Process;
  readonly site: Site;
  readonly fault: FaultKind | Absence | null;
  readonly args: readonly unknown[];
}

const latencyMsMax = 12;
const slowMsMax = 8_000;
/** A client gives up on a service that says nothing. */
const deafMsMax = 3_000;
/** Of the calls that are sent again: how many find time go by in between, and how much: the SDK's tries take five seconds each. */
const lateShare = 0.5;
const lateMsMax = 15_000;
/** Requests that the SDK makes of one call, and its wait before the second of them (`clientLimits` of the clients). */
const requestsMax = 4;
const retryMs = 100;

type Method = (...args: unknown[]) => Promise<unknown>;

/** @param caller what the process does: its role, or the flow where it runs several */
export function portsFor(process: Process, outside: Outside, caller: string): OutsidePorts {
  const ports: Partial<Record<PortName, object>> = {};
  for (const [port, Port] of portsOf(caller)) {
    ports[port] = new Port(process, outside, outside.ports[port] as unknown as Target);
  }
  // As many ports as went in, each with the methods that it had.
  return ports as unknown as OutsidePorts;
}

type Target = Readonly<Record<string, Method | undefined>>;

type PortClass = new (process: Process, outside: Outside, target: Target) => object;

/** Of one process each. The methods are the class's, which every world shares: a world makes thousands of ports. */
function portClass(questions: readonly Question[]): PortClass {
  class Port {
    readonly process: Process;
    readonly outside: Outside;
    readonly target: Target;

    constructor(process: Process, outside: Outside, target: Target) {
      this.process = process;
      this.outside = outside;
      this.target = target;
    }
  }
  for (const question of questions) {
    Object.defineProperty(Port.prototype, question.method, {
      value(this: Port, ...args: unknown[]): Promise<unknown> {
        const apply = this.target[question.method];
        if (apply === undefined) throw new Error(`${question.site} is not in this world`);
        return call(this.process, this.outside, question, () => apply(...args), args);
      },
    });
  }
  return Port;
}

/** What a caller can ask of one port. */
interface Question {
  readonly site: Site;
  readonly method: string;
  readonly service: Service;
  readonly writes: boolean;
}

/** By caller: the same in every world. */
const classes = new Map<string, readonly (readonly [PortName, PortClass])[]>();

function portsOf(caller: string): readonly (readonly [PortName, PortClass])[] {
  const known = classes.get(caller);
  if (known !== undefined) return known;
  // The table's keys are the ports' names: its type says so, `Object.keys` does not.
  const made = (Object.keys(calls) as PortName[]).map((port) => {
    const questions = Object.keys(calls[port]).map((method) => ({
      site: `${caller} ${port}.${method}` as const,
      method,
      service: serviceOf[port],
      writes: isWrite(port, method),
    }));
    return [port, portClass(questions)] as const;
  });
  classes.set(caller, made);
  return made;
}

async function call(
  process: Process,
  outside: Outside,
  { site, service, writes }: Question,
  apply: () => Promise<unknown>,
  args: readonly unknown[],
): Promise<unknown> {
  const { loop, random, plan, onCall } = outside;
  if (!loop.isRunning(process)) await loop.running(process);
  const absence = outside.absenceOf(service);
  if (absence !== null) plan.noteDown(site);
  const fault =
    absence ?? plan.draw(site, writes) ?? (outside.isThrottled() ? await turnedAway(outside) : null);
  onCall({ process, site, fault, args });
  await loop.clock.sleep(latencyOf(random, fault));
  // A request that was on its way when its process died may still arrive.
  if (process.isDead() && random() < 0.5) return never();
  try {
    return await (fault === null ? apply() : outcomeOf(process, outside, { site, fault, apply }));
  } finally {
    if (!loop.isRunning(process)) await loop.running(process);
  }
}

/** After a request that was turned away: those that follow, and `throttled` when the last one is turned away as well. */
async function turnedAway({ loop, isThrottled, onRetry }: Outside): Promise<'throttled' | null> {
  for (let request = 1; request < requestsMax; request += 1) {
    onRetry();
    await loop.clock.sleep(retryMs * 2 ** request);
    if (!isThrottled()) return null;
  }
  return 'throttled';
}

function latencyOf(random: Random, fault: Call['fault']): number {
  const longest = fault === 'slow' ? slowMsMax : fault === 'deaf' ? deafMsMax : latencyMsMax;
  return 1 + random() * longest;
}

interface Struck {
  readonly site: Site;
  readonly fault: NonNullable<Call['fault']>;
  readonly apply: () => Promise<unknown>;
}

async function outcomeOf(
  process: Process,
  outside: Outside,
  { site, fault, apply }: Struck,
): Promise<unknown> {
  switch (fault) {
    case 'slow':
      return apply();
    case 'throttled':
    case 'failed':
    case 'down':
    case 'deaf':
      throw new SimulatedFault(fault, site);
    case 'applied_failed':
      await apply();
      throw new SimulatedFault(fault, site);
    case 'resent':
      // The answer got lost and the SDK sent it again: the caller sees the second answer.
      await apply();
      await passTime(outside);
      return apply();
    case 'held':
      process.hold(outside.random() * holdMsMax);
      return apply();
    case 'crash_before':
      process.kill();
      return never();
    case 'crash_after':
      // Not awaited: the request is sent, and the process is gone before the answer.
      void apply().catch(() => undefined);
      process.kill();
      return never();
  }
}

/** What others do between the two copies of a write, they do to what the first one left. */
async function passTime({ loop, random }: Outside): Promise<void> {
  const point = random();
  if (point < lateShare) await loop.clock.sleep((point / lateShare) * lateMsMax);
}
