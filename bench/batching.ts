/** What a shared model call gains the demo model: eight pictures in one call against eight calls, in one run. */
import { benchShapes } from '#gpu/engines/demo/shapes.bench.ts';
import type { Bench } from './bench.ts';

/** Eight pictures in one call must cost well under eight calls. */
const ratioMax = 6;

export const batchingBench: Bench = async () => {
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
};
