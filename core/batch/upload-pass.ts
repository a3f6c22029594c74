/**
 * A pass that puts one file of a tenant, as part of an address: for clients that upload by an address alone. It names tenant,
 * file and end, under an HMAC-SHA256 of the three.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface UploadPass {
  readonly tenantId: string;
  readonly fileId: string;
  /** Whole seconds. */
  readonly untilMs: number;
}

/** Neither tenants' nor files' ids hold the dots between them. */
export function writeUploadPass(secret: string, pass: UploadPass): string {
  return [pass.tenantId, pass.fileId, Math.floor(pass.untilMs / 1000), seal(secret, pass)].join('.');
}

/** Null for what {@link writeUploadPass} did not write with this secret, and for a pass that has ended. */
export function readUploadPass(secret: string, text: string, nowMs: number): UploadPass | null {
  const [, tenantId, fileId, seconds, given] =
    /^([\w-]{1,63})\.(file_\w{26})\.(\d{1,12})\.([\w-]{43})$/.exec(text) ?? [];
  if (tenantId === undefined || fileId === undefined || given === undefined) return null;
  const pass = { tenantId, fileId, untilMs: Number(seconds) * 1000 };
  const isOurs = timingSafeEqual(Buffer.from(given), Buffer.from(seal(secret, pass)));
  return isOurs && nowMs < pass.untilMs ? pass : null;
}

/** What is signed begins with its purpose: the same secret signs nothing else in this form. */
function seal(secret: string, { tenantId, fileId, untilMs }: UploadPass): string {
  const named = ['upload', tenantId, fileId, Math.floor(untilMs / 1000)].join('\0');
  return createHmac('sha256', secret).update(named).digest('base64url');
}
