/** The ports as one process sees them: every call takes time, and may come to any fault of the plan. */
import type { Random } from '../random.ts';
import type { OutsidePorts, PortName } from './calls.ts';
import { calls, isWrite } from './calls.ts';
import type { FaultKind, FaultPlan } from './faults.ts';
import { SimulatedFault } from './faults.ts';
import type { Loop } from './loop.ts';
import { never } from './loop.ts';
import type { Process } from './process.ts';

export interface Outside {
  readonly loop: Loop;
  readonly random: Random;
  readonly plan: FaultPlan;
  readonly ports: OutsidePorts;
  /** Sees every call: for counting, so that a loop that asks without end is found, and for telling what a run did. */
  onCall(call: Call): void;
}

export interface Call {
  readonly process: Process;
  readonly site: string;
  readonly fault: FaultKind | null;
  readonly args: readonly unknown[];
}

const latencyMsMax = 12;
const slowMsMax = 8_000;

type Method = (...args: unknown[]) => Promise<unknown>;

export function portsFor(process: Process, outside: Outside): OutsidePorts {
  const wrapped = Object.keys(calls).map((name) => {
    // The table's keys are the ports' names: its type says so, `Object.keys` does not.
    const port = name as PortName;
    return [port, portFor(process, outside, port)];
  });
  // As many ports as went in, each with the methods that it had.
  return Object.fromEntries(wrapped) as OutsidePorts;
}

function portFor(process: Process, outside: Outside, port: PortName): Record<string, Method> {
  const target = outside.ports[port] as unknown as Record<string, Method>;
  const methods = Object.keys(calls[port]).map((method): [string, Method] => [
    method,
    (...args) => {
      const apply = target[method];
      if (apply === undefined) throw new Error(`no ${port}.${method} in this world`);
      return call(process, outside, {
        site: `${port}.${method}`,
        writes: isWrite(port, method),
        args,
        apply,
      });
    },
  ]);
  return Object.fromEntries(methods);
}

interface Asked {
  readonly site: string;
  readonly writes: boolean;
  readonly args: readonly unknown[];
  readonly apply: Method;
}

async function call(
  process: Process,
  { loop, random, plan, onCall }: Outside,
  { site, writes, args, apply }: Asked,
): Promise<unknown> {
  await loop.running(process);
  const fault = plan.draw(site, writes);
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

function latencyOf(random: Random, fault: FaultKind | null): number {
  return 1 + random() * (fault === 'slow' ? slowMsMax : latencyMsMax);
}

async function outcomeOf(
  process: Process,
  site: string,
  fault: FaultKind | null,
  apply: () => Promise<unknown>,
): Promise<unknown> {
  switch (fault) {
    case null:
    case 'slow':
      return apply();
    case 'throttled':
    case 'failed':
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
