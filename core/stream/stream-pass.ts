/**
 * A pass to one job's stream, as part of its address: for clients that open a stream by its address alone. It names
 * tenant, job and end, under an HMAC-SHA256 of the three, so that nobody makes one or changes its end.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface StreamPass {
  readonly tenantId: string;
  readonly jobId: string;
  /** Whole seconds. */
  readonly untilMs: number;
}

/** Neither tenants' nor jobs' ids hold the dots between them. */
export function writeStreamPass(secret: string, pass: StreamPass): string {
  const { tenantId, jobId, untilMs } = pass;
  return [tenantId, jobId, Math.floor(untilMs / 1000), seal(secret, pass)].join('.');
}

/** Null for what {@link writeStreamPass} did not write with this secret, and for a pass that has ended. */
export function readStreamPass(secret: string, text: string, nowMs: number): StreamPass | null {
  const [, tenantId, jobId, seconds, given] =
    /^([\w-]{1,63})\.(job_\w{26})\.(\d{1,12})\.([\w-]{43})$/.exec(text) ?? [];
  if (tenantId === undefined || jobId === undefined || given === undefined) return null;
  const pass = { tenantId, jobId, untilMs: Number(seconds) * 1000 };
  const isOurs = timingSafeEqual(Buffer.from(given), Buffer.from(seal(secret, pass)));
  return isOurs && nowMs < pass.untilMs ? pass : null;
}

/** What is signed begins with its purpose: the same secret signs nothing else in this form. */
function seal(secret: string, { tenantId, jobId, untilMs }: StreamPass): string {
  const named = ['stream', tenantId, jobId, Math.floor(untilMs / 1000)].join('\0');
  return createHmac('sha256', secret).update(named).digest('base64url');
}
