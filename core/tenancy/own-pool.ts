/**
 * The pool of a tenant with `isolation: pool`: its own line, queue and workers, which hold the models of a pool that the
 * catalog knows. Two hyphens, which no pool of the catalog has, part that pool's name from the tenant's; a tenant's name
 * is told from every other whatever its case, so a queue may be named in lower case.
 */
import { digest } from '../canonical.ts';
import { limitsOf } from './plans.ts';
import type { TenantRecord } from './tenant.ts';

const separator = '--';
/** An SQS queue has 80 characters for its name, of which a prefix and `-dead` take 16. */
const charactersMax = 64;
const digestCharacters = 16;

/** Room for the separator and for the digest of a long tenant's name. */
export const basePoolCharactersMax = charactersMax - separator.length - digestCharacters;

export function ownPool(basePool: string, tenantId: string): string {
  const name = tenantId.toLowerCase();
  const pool = `${basePool}${separator}${name}`;
  // No tenant is likely to be named like the digest of another: 64 bits.
  return pool.length <= charactersMax
    ? pool
    : `${basePool}${separator}${digest(name).slice(0, digestCharacters)}`;
}

/** The pool of the catalog whose models this pool holds: itself, or what a tenant's own pool is made from. */
export function basePoolOf(pool: string): string {
  // A tenant's name starts with no hyphen, so `a---b` is `b`'s pool of `a-`.
  return /^(.+?)--[^-]/.exec(pool)?.[1] ?? pool;
}

/** The pool that serves this tenant where a model names `basePool`. Its plan's limits must be filled in (`withPlan`). */
export function poolOfTenant(basePool: string, tenant: TenantRecord): string {
  const { isolation } = limitsOf(tenant.plan, tenant.overrides);
  return isolation === 'pool' ? ownPool(basePool, tenant.tenantId) : basePool;
}
