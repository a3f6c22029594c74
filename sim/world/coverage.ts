/** Which faults struck which calls: a fault that never strikes proves nothing. */
import type { PortName, Site } from './calls.ts';
import { isWrite } from './calls.ts';
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

/** `site kind` of everything that could have failed and never did. */
export function gapsIn(tally: Pick<Tally, 'sites' | 'hits'>): string[] {
  return coverageOf(tally).flatMap(({ site, kinds }) =>
    Object.entries(kinds).flatMap(([kind, count]) => (count === 0 ? [`${site} ${kind}`] : [])),
  );
}

/** `port.method` of a site. */
function callOf(site: Site): string {
  return site.slice(site.indexOf(' ') + 1);
}
