/**
 * Links to outputs of predictions: of this API, by a pass, rather than where the files are stored. The client of PyPI sends
 * its key along when it reads one. So the key goes to where it belongs, and no further: a redirect to another origin
 * leaves it behind.
 */
import type { LinkOf } from '#core/flows/tell-outputs.ts';
import { linkUntilMs } from '#core/flows/tell-outputs.ts';
import { writePass } from '#core/stream/pass.ts';
import type { ApiDeps } from '../../api-deps.ts';

export function outputLinks(deps: ApiDeps, apiUrl: string): LinkOf {
  return async (job, { path }, index) => {
    const untilMs = linkUntilMs(job, deps.clock.nowMs());
    if (untilMs === null) return null;
    const { tenantId, jobId } = job;
    const pass = writePass(deps.keyPepper, `output ${index}`, { tenantId, jobId, untilMs });
    // Clients name a file after the end of its address.
    return `${apiUrl}/replicate/v1/outputs/${pass}/${index}.${path.split('.').at(-1)}`;
  };
}

/** The number of an output in the last part of its address; null: it is none. */
export function outputIndexOf(name: string): number | null {
  const [, index] = /^(0|[1-9]\d{0,3})\.\w{1,8}$/.exec(name) ?? [];
  return index === undefined ? null : Number(index);
}
