/** The runs that the promise of the estimates is held to: traces, pool sizes, loads, boots, with and without batches. */
import type { Started } from './pool.ts';
import { runPool } from './pool.ts';
import type { Trace } from './workload.ts';
import { traceJobs } from './workload.ts';

export interface Scenario {
  readonly trace: Trace;
  /** The most that the pool scales to, from zero and back. */
  readonly workers: number;
  readonly load: number;
  readonly bootMs: number;
  readonly batchMax: number;
}

const second = 1_000;
const idleTimeoutMs = 120 * second;

/** Under-load, near the edge, and more than the pool can do; machines of 20 s and of a minute. */
export function scenariosOf(trace: Trace): Scenario[] {
  return [1, 4, 16].flatMap((workers) =>
    [0.3, 0.8, 1.2].flatMap((load) =>
      [20, 60].map((boot) => ({
        trace,
        workers,
        load,
        bootMs: boot * second,
        // Two of three pools make one call per job, as large models do.
        batchMax: workers === 4 ? 4 : 1,
      })),
    ),
  );
}

export function runScenario(scenario: Scenario, seed: number): Started[] {
  const { workers, bootMs, batchMax } = scenario;
  const bounds = { workersMin: 0, workersMax: workers, idleTimeoutMs };
  return runPool({ jobs: traceJobs({ ...scenario, seed }), bounds, bootMs, batchMax, seed });
}
