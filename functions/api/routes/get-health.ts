import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/ports/process.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { RouteHandler } from '../route-handler.ts';

/** A load balancer or a person gives up on a health check at about five seconds. */
const answerWithinMs = 2_000;

export const getHealth: RouteHandler<'getHealth'> = async (deps) => {
  const checks = Object.entries(checksOf(deps));
  const faults = await Promise.all(checks.map(([, check]) => faultOf(deps.clock, check)));
  const silent = checks.flatMap(([name], index) =>
    faults[index] === null ? [] : `${name}: ${faults[index]}`,
  );
  if (silent.length > 0) throw new AppError('unavailable', { privateDetail: silent.join(', ') });
  const dependencies = Object.fromEntries(checks.map(([name]) => [name, 'ok']));
  return { status: 200, body: { status: 'ok', version: deps.version, dependencies } };
};

/** One cheap read of each dependency that a submission needs. */
function checksOf({ catalog, pools, tickets }: ApiDeps): Record<string, () => Promise<unknown>> {
  const [pool] = catalog.pools();
  if (pool === undefined) return {};
  return { table: () => pools.read(pool), queue: () => tickets.depth(pool) };
}

/** Null when the dependency answered in time; for the log otherwise. */
async function faultOf(clock: Clock, check: () => Promise<unknown>): Promise<string | null> {
  const ended = new AbortController();
  const answer = check()
    .then(() => null, String)
    .finally(() => ended.abort());
  const late = clock
    .sleep(answerWithinMs, ended.signal)
    .then(() => (ended.signal.aborted ? answer : `no answer in ${answerWithinMs} ms`));
  return Promise.race([answer, late]);
}
