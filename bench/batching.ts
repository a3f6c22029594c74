/**
 * What a shared model call gains: the demo model's eight pictures in one call against eight calls, and, with `--python`, how
 * much of a bare loop of full calls our engine alone and the whole stack keep, beside other servers in the same run.
 */
import { benchShapes } from '#gpu/engines/demo/shapes.bench.ts';
import type { Bench, BenchReport } from './bench.ts';
import { wholeFlag } from './bench.ts';
import { keptLeast, serverRows } from './model-servers.ts';

/** Eight pictures in one call must cost well under eight calls. */
const ratioMax = 6;

export const batchingBench: Bench = async (flags) => {
  const demo = await demoReport();
  if (typeof flags.python !== 'string') return demo;
  const { rows, kept } = await serverRows({
    jobs: wholeFlag(flags, 'jobs', 80),
    rounds: wholeFlag(flags, 'rounds', 5),
    latencyJobs: wholeFlag(flags, 'latency-jobs', 1000),
    python: flags.python,
  });
  const failures = Object.entries(kept)
    .filter(([, share]) => !(share >= keptLeast))
    .map(([what, share]) => `the ${what} kept ${share.toFixed(3)} of the bare loop`);
  return { rows: [...demo.rows, ...rows], failures: [...demo.failures, ...failures] };
};

async function demoReport(): Promise<BenchReport> {
  const { batch1Ms, batch8Ms, ratio, rounds, steps } = await benchShapes();
  return {
    rows: [
      {
        steps,
        rounds,
        'one picture ms': batch1Ms.toFixed(0),
        'eight in one call ms': batch8Ms.toFixed(0),
        'eight / one': ratio.toFixed(2),
        'pictures/s, one by one': (1000 / batch1Ms).toFixed(1),
        'pictures/s, batched': (8000 / batch8Ms).toFixed(1),
      },
    ],
    failures: ratio < ratioMax ? [] : [`eight took ${ratio.toFixed(2)} times one`],
  };
}
