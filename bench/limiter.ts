/**
 * Admission under parallel submitters: how far from exact, and what it costs. The real DynamoDB adapter runs against
 * the embedded store with every limit of a plan set; twice as many requests come as the tightest limit allows, so
 * over-admission and under-admission both show. Beside it, in the same run, two limiters that people use instead.
 */
import type { Bench, BenchReport } from './bench.ts';
import { baselineRows } from './limiter-baselines.ts';
import type { LimiterRun } from './limiter-gates.ts';
import { startGatesUnderTest } from './limiter-gates.ts';

const bars = { overAdmitted: 0, underShare: 0.01, writesPerAccept: 1.1 } as const;
/** Each tenant's limit in a run; twice as many requests are sent. */
const limit = 500;
const manyTenants = { tenants: 64, submittersEach: 4, limit: 25 } as const;

export const limiterBench: Bench = async (flags) => {
  const sizes = String(flags.sizes ?? '1,4,16,64,256')
    .split(',')
    .map(Number);
  const runs: LimiterRun[] = [];
  const gates = await startGatesUnderTest();
  try {
    await gates.run({ tenants: 1, submittersEach: 4, limit: 100 });
    for (const size of sizes) runs.push(await gates.run({ tenants: 1, submittersEach: size, limit }));
    runs.push(await gates.run(manyTenants));
    runs.push(await gates.runOpen({ submitters: 256, openJobsMax: 100 }));
  } finally {
    await gates.close();
  }
  const baselines = await baselineRows({ limit, submitters: 64, python: String(flags.python ?? 'python3') });
  return { rows: [...runs.map(rowOf), ...baselines], failures: runs.flatMap(faultsOf) };
};

function rowOf(run: LimiterRun): BenchReport['rows'][number] {
  return {
    limiter: run.what,
    submitters: run.submitters,
    asked: run.asked,
    allowed: run.allowed,
    admitted: run.admitted,
    over: over(run),
    'under %': (100 * under(run)).toFixed(2),
    'writes/accept': (run.acceptWrites / Math.max(1, run.admitted)).toFixed(3),
    'asked/s': (run.asked / run.seconds).toFixed(0),
    'admitted/s': (run.admitted / run.seconds).toFixed(0),
  };
}

function faultsOf(run: LimiterRun): string[] {
  const name = `${run.what}, ${run.submitters} submitters`;
  const writes = run.acceptWrites / Math.max(1, run.admitted);
  return [
    ...(over(run) > bars.overAdmitted ? [`${name}: ${over(run)} more than allowed`] : []),
    ...(under(run) > bars.underShare ? [`${name}: ${(100 * under(run)).toFixed(2)} % too few`] : []),
    ...(writes > bars.writesPerAccept ? [`${name}: ${writes.toFixed(3)} writes per accepted request`] : []),
  ];
}

/** Summed over tenants that each got too much: one with room to spare makes up for none. */
function over({ perTenant, allowedEach }: LimiterRun): number {
  return perTenant.reduce((sum, admitted) => sum + Math.max(0, admitted - allowedEach), 0);
}

function under({ perTenant, allowedEach, allowed }: LimiterRun): number {
  return perTenant.reduce((sum, admitted) => sum + Math.max(0, allowedEach - admitted), 0) / allowed;
}
