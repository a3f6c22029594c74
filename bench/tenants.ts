/**
 * Fifty tenants of three plans on eight simulated cards for an hour: whether each is served as its plan promises, and
 * what it pays at cost against a card of its own. The same hours under first come, first served beside it.
 */
import { createFifo } from '#sim/fairness/dispatchers/fifo.ts';
import { createPilotlight } from '#sim/fairness/dispatchers/pilotlight.ts';
import type { HourRun, TenantRun } from '#sim/tenants/run-hour.ts';
import { runHour } from '#sim/tenants/run-hour.ts';
import { brokenPromises, meanJobMsOf, quantileOf, waitVerdict } from '#sim/tenants/verdict.ts';
import type { Bench, BenchReport } from './bench.ts';
import { wholeFlag } from './bench.ts';

type Row = BenchReport['rows'][number];

const dispatchers = { pilotlight: () => createPilotlight(), fifo: createFifo } as const;

export const tenantsBench: Bench = async (flags) => {
  const seeds = Array.from({ length: wholeFlag(flags, 'seeds', 20) }, (_, index) => index + 1);
  const rows: Row[] = [];
  let failures: string[] = [];
  for (const [name, create] of Object.entries(dispatchers)) {
    const runs = seeds.map((seed) => runHour(seed, create));
    rows.push(...rowsOf(name, runs));
    if (name === 'pilotlight') failures = brokenPromises(runs);
  }
  return { rows, failures };
};

/** A row for each plan and kind of arrivals, one for each plan, and one for all. */
function rowsOf(dispatch: string, runs: readonly HourRun[]): Row[] {
  const all = runs.flatMap(({ tenants }) => tenants);
  const groups: [plan: string, kind: string, (run: TenantRun) => boolean][] = [];
  for (const plan of ['free', 'pro', 'vip'] as const) {
    const kinds = new Set(all.filter(({ tenant }) => tenant.plan === plan).map(({ tenant }) => tenant.kind));
    for (const kind of kinds) {
      groups.push([plan, kind, ({ tenant }) => tenant.plan === plan && tenant.kind === kind]);
    }
    groups.push([plan, 'all', ({ tenant }) => tenant.plan === plan]);
  }
  groups.push(['all', 'all', () => true]);
  return groups.map(([plan, kind, isOf]) => ({ dispatch, plan, kind, ...columnsOf(runs, isOf) }));
}

function columnsOf(runs: readonly HourRun[], isOf: (run: TenantRun) => boolean): Row {
  const own = runs.flatMap(({ tenants }) => tenants.filter(isOf));
  const ids = new Set(own.map(({ tenant }) => tenant.tenantId));
  const asked = own.reduce((sum, run) => sum + run.asked, 0);
  const refused = own.reduce((sum, run) => sum + run.refused.length, 0);
  const waits = waitVerdict(own, meanJobMsOf(runs));
  const received = runs.flatMap(({ sharing }) =>
    [...sharing.received].filter(([tenantId]) => ids.has(tenantId)).map(([, part]) => part),
  );
  return {
    tenants: ids.size,
    'asked/h': Math.round(asked / runs.length),
    'refused %': ((100 * refused) / asked).toFixed(1),
    'below p50 s': seconds(waits.belowP50Ms),
    'below p95 s': seconds(waits.belowP95Ms),
    'bound s': seconds(waits.belowBoundMs),
    'all p95 s': seconds(waits.allP95Ms),
    'ideal p95 s': seconds(waits.idealP95Ms),
    'slice p95 s': seconds(waits.sliceP95Ms),
    'passed over s': seconds(Math.max(...own.map(({ neglectMs }) => neglectMs))),
    'of limit': Math.max(...own.map(({ neglectMs, neglectMaxMs }) => neglectMs / neglectMaxMs)).toFixed(2),
    received: rangeOf(received, (part) => part.toFixed(2)),
    jain: ids.size === 50 ? Math.min(...runs.map(({ sharing }) => sharing.jain)).toFixed(4) : '-',
    ...costColumns(runs, ids),
  };
}

function costColumns(runs: readonly HourRun[], ids: ReadonlySet<string>): Row {
  const costs = runs.flatMap(({ cost }) => cost.tenants.filter(({ tenant }) => ids.has(tenant.tenantId)));
  const saved = costs.map((cost) => 1 - cost.sharedUsdMicros / cost.ownUsdMicros);
  const savedCold = costs.map((cost) => 1 - cost.sharedUsdMicros / cost.ownColdUsdMicros);
  const together = (of: (cost: (typeof costs)[number]) => number) =>
    costs.reduce((sum, cost) => sum + of(cost), 0);
  const shared = together(({ sharedUsdMicros }) => sharedUsdMicros);
  return {
    'USD p50': (
      quantileOf(
        costs.map(({ sharedUsdMicros }) => sharedUsdMicros),
        0.5,
      ) / 1e6
    ).toFixed(3),
    'saved p50': percent(quantileOf(saved, 0.5)),
    'saved range': rangeOf(saved, percent),
    'saved together': percent(1 - shared / together(({ ownUsdMicros }) => ownUsdMicros)),
    'on demand p50': percent(quantileOf(savedCold, 0.5)),
    'on demand together': percent(1 - shared / together(({ ownColdUsdMicros }) => ownColdUsdMicros)),
  };
}

function rangeOf(values: readonly number[], format: (value: number) => string): string {
  return values.length === 0 ? '-' : `${format(Math.min(...values))}..${format(Math.max(...values))}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
