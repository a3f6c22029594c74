/** Which faults struck which calls: a fault that never strikes proves nothing. */
import type { PortName, Site } from './calls.ts';
import { calls, isWrite, serviceOf } from './calls.ts';
import { applies, faultKinds } from './faults.ts';
import type { Tally } from './tally.ts';

export interface SiteCoverage {
  readonly site: Site;
  /** How often each kind struck; a kind that cannot happen there is missing. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** Every site that was called, with every kind of fault that applies to it. */
export function coverageOf({ sites, hits }: Pick<Tally, 'sites' | 'hits'>): SiteCoverage[] {
  return sites.map((site) => {
    const [port = '', method = ''] = callOf(site).split('.');
    // Sites are made from the table's own names.
    const writes = isWrite(port as PortName, method);
    const kinds = faultKinds.filter((kind) => applies(kind, writes));
    return { site, kinds: Object.fromEntries(kinds.map((kind) => [kind, hits[`${site} ${kind}`] ?? 0])) };
  });
}

/** Runs from which on a gap is a fault of the simulator: rarer than that nothing may be. */
export const runsForCoverage = 10_000;

/**
 * Calls that no process of a world makes, and why. A fault that cannot happen needs no row: a read has no effect, so it
 * is never applied and then failed, sent twice to any effect, or followed by a crash that leaves one behind.
 */
const byRoutesOnly = 'made by routes of the API alone; a world runs flows';
const uncalled: Readonly<Record<string, string>> = {
  'tenants.create': 'tenants are there before a world begins',
  'keys.create': byRoutesOnly,
  'keys.get': byRoutesOnly,
  'keys.list': byRoutesOnly,
  'keys.expire': byRoutesOnly,
  'keys.revoke': byRoutesOnly,
  'keys.touch': byRoutesOnly,
  'plans.get': 'every tenant of a world has a plan that ships',
  'plans.put': byRoutesOnly,
  'plans.list': byRoutesOnly,
  'aliases.put': byRoutesOnly,
  'aliases.remove': byRoutesOnly,
  'aliases.list': byRoutesOnly,
  'streams.open': byRoutesOnly,
  'streams.close': byRoutesOnly,
  'pools.noteBoots': 'a world has workers and no instances',
  'pools.enlist': 'no tenant of a world has a pool of its own',
  'endpoints.remove': byRoutesOnly,
  'deliveries.get': byRoutesOnly,
  'deliveries.list': byRoutesOnly,
  'adapters.list': byRoutesOnly,
  'adapters.noteChange': byRoutesOnly,
  'adapterFiles.clear': 'no tenant of a world is deleted',
  'adapterFiles.uploadLink': byRoutesOnly,
  'blobs.link': byRoutesOnly,
  'files.list': byRoutesOnly,
};

/** `site kind` of everything that could have failed and never did. */
export function gapsIn(tally: Pick<Tally, 'sites' | 'hits'>): string[] {
  return coverageOf(tally).flatMap(({ site, kinds }) =>
    Object.entries(kinds).flatMap(([kind, count]) => (count === 0 ? [`${site} ${kind}`] : [])),
  );
}

/** What the table of calls and the runs do not agree on: a call that nobody made, and an excuse that is none. */
export function uncalledIn({ sites, hits }: Pick<Tally, 'sites' | 'hits'>): string[] {
  const made = new Set(sites.map(callOf));
  const all = Object.entries(calls).flatMap(([port, methods]) =>
    Object.keys(methods).map((method) => `${port}.${method}`),
  );
  const down = new Set(
    Object.keys(hits).flatMap((hit) => {
      // As the fault plan counts it: `site down`.
      const port = callOf(hit).split('.')[0] as PortName;
      return hit.endsWith(' down') ? [serviceOf[port]] : [];
    }),
  );
  return [
    ...all
      .filter((call) => !made.has(call) && uncalled[call] === undefined)
      .map((call) => `${call} is never called`),
    ...all
      .filter((call) => made.has(call) && uncalled[call] !== undefined)
      .map((call) => `${call} is called after all`),
    ...[...new Set(Object.values(serviceOf))]
      .filter((service) => !down.has(service))
      .map((service) => `${service} never went down`),
  ];
}

/** `port.method` of a site. */
function callOf(site: Site): string {
  return site.slice(site.indexOf(' ') + 1);
}
