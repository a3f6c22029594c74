/**
 * The Lambda entry that asks addresses that tenants name. It has no environment and no rights, so whoever finds a way round
 * the guard finds nothing behind it.
 */
import { readRequest, writeAnswer } from '#core/egress/outbound-wire.ts';
import { createPublicOutbound } from './public-outbound.ts';

const outbound = createPublicOutbound();

export async function handler(event: unknown): Promise<object> {
  return writeAnswer(await outbound.send(readRequest(event)));
}
