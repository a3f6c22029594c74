/** `Outbound` as it runs in production: public addresses over https alone. */
import type { Outbound } from '#core/egress/outbound.ts';
import { publicHttps } from '#core/egress/policy.ts';
import { createGuardedOutbound } from './guarded-outbound.ts';
import { createDnsResolver } from './resolve-host.ts';

export function createPublicOutbound(): Outbound {
  return createGuardedOutbound({ policy: publicHttps, resolveHost: createDnsResolver() });
}
