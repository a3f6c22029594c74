/**
 * Passes to one thing of a job, as part of an address: for clients that open it by its address alone. A pass names tenant,
 * job and end, under an HMAC-SHA256 of the three and of what it opens, so that nobody makes one, changes its end or opens
 * something else with it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Pass {
  readonly tenantId: string;
  readonly jobId: string;
  /** Whole seconds. */
  readonly untilMs: number;
}

/** What a pass opens: the job's stream, or one of its outputs by its number. */
export type Opened = 'stream' | `output ${number}`;

/** Neither tenants' nor jobs' ids hold the dots between them. */
export function writePass(secret: string, opened: Opened, pass: Pass): string {
  const { tenantId, jobId, untilMs } = pass;
  return [tenantId, jobId, Math.floor(untilMs / 1000), seal(secret, opened, pass)].join('.');
}

/** Null for what {@link writePass} did not write with this secret for this, and for a pass that has ended. */
export function readPass(secret: string, opened: Opened, text: string, nowMs: number): Pass | null {
  const [, tenantId, jobId, seconds, given] =
    /^([\w-]{1,63})\.(job_\w{26})\.(\d{1,12})\.([\w-]{43})$/.exec(text) ?? [];
  if (tenantId === undefined || jobId === undefined || given === undefined) return null;
  const pass = { tenantId, jobId, untilMs: Number(seconds) * 1000 };
  const isOurs = timingSafeEqual(Buffer.from(given), Buffer.from(seal(secret, opened, pass)));
  return isOurs && nowMs < pass.untilMs ? pass : null;
}

/** What is signed begins with its purpose: the same secret signs nothing else in this form. */
function seal(secret: string, opened: Opened, { tenantId, jobId, untilMs }: Pass): string {
  const named = [opened, tenantId, jobId, Math.floor(untilMs / 1000)].join('\0');
  return createHmac('sha256', secret).update(named).digest('base64url');
}
