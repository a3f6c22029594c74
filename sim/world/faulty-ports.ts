/** The ports as one process sees them: every call takes time, and may come to any fault of the plan. */
import type { Random } from '../random.ts';
import type { OutsidePorts, PortName, Service, Site } from './calls.ts';
import { calls, isWrite, serviceOf } from './calls.ts';
import type { Absence, FaultKind, FaultPlan } from './faults.ts';
import { SimulatedFault } from './faults.ts';
import type { Loop } from './loop.ts';
import { never } from './loop.ts';
import type { Process } from './process.ts';

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
/** Requests that the SDK makes of one call, and its wait before the second of them (`clientLimits` of the clients). */
const requestsMax = 4;
const retryMs = 100;

type Method = (...args: unknown[]) => Promise<unknown>;

/** @param caller what the process does: its role, or the flow where it runs several */
export function portsFor(process: Process, outside: Outside, caller: string): OutsidePorts {
  const wrapped = Object.keys(calls).map((name) => {
    // The table's keys are the ports' names: its type says so, `Object.keys` does not.
    const port = name as PortName;
    return [port, portFor(process, outside, port, caller)];
  });
  // As many ports as went in, each with the methods that it had.
  return Object.fromEntries(wrapped) as OutsidePorts;
}

function portFor(process: Process, outside: Outside, port: PortName, caller: string): Record<string, Method> {
  const target = outside.ports[port] as unknown as Record<string, Method>;
  const methods = Object.keys(calls[port]).map((method): [string, Method] => {
    const apply = target[method];
    if (apply === undefined) throw new Error(`no ${port}.${method} in this world`);
    const asked: Asked = {
      site: `${caller} ${port}.${method}`,
      service: serviceOf[port],
      writes: isWrite(port, method),
      apply,
    };
    return [method, (...args) => call(process, outside, asked, args)];
  });
  return Object.fromEntries(methods);
}

interface Asked {
  readonly site: Site;
  readonly service: Service;
  readonly writes: boolean;
  readonly apply: Method;
}

async function call(
  process: Process,
  outside: Outside,
  { site, service, writes, apply }: Asked,
  args: readonly unknown[],
): Promise<unknown> {
  const { loop, random, plan, onCall } = outside;
  await loop.running(process);
  const absence = outside.absenceOf(service);
  if (absence !== null) plan.noteDown(site);
  const fault = absence ?? plan.draw(site, writes) ?? (await pressed(outside));
  onCall({ process, site, fault, args });
  await loop.clock.sleep(latencyOf(random, fault));
  // A request that was on its way when its process died may still arrive.
  if (process.isDead() && random() < 0.5) return never();
  try {
    return await outcomeOf(process, site, fault, () => apply(...args));
  } finally {
    await loop.running(process);
  }
}

/** Waits out the requests that are turned away; `throttled` when the last one is as well. */
async function pressed({ loop, isThrottled, onRetry }: Outside): Promise<'throttled' | null> {
  for (let request = 1; isThrottled(); request += 1) {
    if (request === requestsMax) return 'throttled';
    onRetry();
    await loop.clock.sleep(retryMs * 2 ** request);
  }
  return null;
}

function latencyOf(random: Random, fault: Call['fault']): number {
  const longest = fault === 'slow' ? slowMsMax : fault === 'deaf' ? deafMsMax : latencyMsMax;
  return 1 + random() * longest;
}

async function outcomeOf(
  process: Process,
  site: Site,
  fault: Call['fault'],
  apply: () => Promise<unknown>,
): Promise<unknown> {
  switch (fault) {
    case null:
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
