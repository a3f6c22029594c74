/**
 * How much of a card's time one worker uses while a long line is drained, in simulated time, over stores that answer after
 * 10 to 40 ms: the product's own loop beside loops that people write. What the loop itself takes of a processor is not in it.
 */
import type { DrainAsk } from '#sim/drain/drain.ts';
import { drain, drainers } from '#sim/drain/drain.ts';
import type { Bench, BenchReport } from './bench.ts';
import { wholeFlag } from './bench.ts';

type Row = BenchReport['rows'][number];

/** Jobs of so many ms alone, and the least efficiency of ours in calls of eight (issue 6, scaling.md section 5). */
const bars: readonly { readonly jobMs: number; readonly least: number | null }[] = [
  { jobMs: 5, least: null },
  { jobMs: 50, least: 0.95 },
  { jobMs: 500, least: 0.99 },
  { jobMs: 5_000, least: 0.99 },
];

export const drainBench: Bench = async (flags) => {
  const jobs = wholeFlag(flags, 'jobs', 10_000);
  const rows: Row[] = [];
  const failures: string[] = [];
  for (const { jobMs, least } of bars) {
    for (const batchMax of [1, 8]) {
      const ask = { jobs, jobMs, batchMax, seed: 1 };
      const row = await rowOf(ask);
      rows.push(row);
      if (least !== null && batchMax > 1 && Number(row.pilotlight) < least)
        failures.push(`jobs of ${jobMs} ms: ${row.pilotlight} of the best, not ${least}`);
      if (row.lost !== 0) failures.push(`jobs of ${jobMs} ms: ${row.lost} never ended`);
    }
  }
  return { rows, failures };
};

async function rowOf(ask: DrainAsk): Promise<Row> {
  const row: Record<string, number> = { 'job ms': ask.jobMs, 'jobs a call': ask.batchMax };
  for (const drainer of drainers) {
    const { efficiency, succeeded } = await drain(drainer, ask);
    row[drainer] = Math.round(efficiency * 1_000) / 1_000;
    if (drainer === 'pilotlight') row.lost = ask.jobs - succeeded;
  }
  return row;
}
