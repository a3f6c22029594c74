/**
 * What receivers make of messages in the words of Replicate, fal and RunPod: read as those document them, and with nothing
 * of the product. Whatever cannot be read is a fault that the message says of itself.
 */
import { createHash, verify } from 'node:crypto';
import type { JobRecord } from '#core/job/job.ts';
import type { SeenMessage } from './verify-message.ts';
import { publicKeyOf } from './verify-message.ts';

export const dialects = ['replicate', 'fal', 'runpod'] as const;

export type Dialect = (typeof dialects)[number];

/** How a job may end: `stopped`, it ran longer than its request allows, and is canceled to everybody else. */
type End = JobRecord['status'] | 'stopped';

export function endOf({ status, error }: JobRecord): End {
  return error?.code === 'run_too_long' ? 'stopped' : status;
}

/** What a message says of a job. */
export interface Said {
  readonly jobId: string;
  /** The ends that the dialect has this one word for. */
  readonly ends: readonly End[];
  /** SHA-256 of each text of the result; null: it is told of none. */
  readonly results: readonly string[] | null;
}

/** In whose words a message is, as its shape shows it; null: in our own. */
export function dialectOf({ body }: SeenMessage): Dialect | null {
  const told = JSON.parse(body);
  if ('data' in told) return null;
  if ('request_id' in told) return 'fal';
  return 'urls' in told ? 'replicate' : 'runpod';
}

export function readDialect(dialect: Dialect, { body }: SeenMessage): Said {
  // Of our own making; what is not as it should be shows in the checks.
  const told = JSON.parse(body);
  switch (dialect) {
    case 'replicate':
      return {
        jobId: told.id,
        ends: replicateEnds[told.status] ?? [],
        results: told.output?.map(sha256) ?? null,
      };
    case 'fal': {
      const results = told.status === 'OK' ? [sha256(told.payload.output)] : null;
      return { jobId: told.request_id, ends: falEnds[told.status] ?? [], results };
    }
    case 'runpod': {
      const results = told.output?.map(({ sha256 }: { sha256: string }) => sha256) ?? null;
      return { jobId: told.id, ends: runpodEnds[told.status] ?? [], results };
    }
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** replicate.com/docs/topics/predictions/lifecycle; one that expired is told as failed (docs/replicate.md). */
const replicateEnds: Readonly<Record<string, readonly End[]>> = {
  succeeded: ['succeeded'],
  failed: ['failed', 'expired'],
  canceled: ['canceled', 'stopped'],
};

/** docs.fal.ai, webhooks: `OK` or `ERROR`. */
const falEnds: Readonly<Record<string, readonly End[]>> = {
  OK: ['succeeded'],
  ERROR: ['failed', 'canceled', 'stopped', 'expired'],
};

/** docs.runpod.io, job states: `TIMED_OUT` is both, too long in the line and too long at work. */
const runpodEnds: Readonly<Record<string, readonly End[]>> = {
  COMPLETED: ['succeeded'],
  FAILED: ['failed'],
  CANCELLED: ['canceled'],
  TIMED_OUT: ['expired', 'stopped'],
};

/**
 * Whether fal's own headers are by this public key (`whpk_…`), of this body and of the request that it names: Ed25519 over
 * request, user, time and the SHA-256 of the body, a line each.
 */
export function isSignedAsFal(key: string, { headers, body }: SeenMessage): boolean {
  const [id, user, time, signature] = ['request-id', 'user-id', 'timestamp', 'signature'].map(
    (name) => headers[`x-fal-webhook-${name}`] ?? '',
  );
  if (id !== JSON.parse(body).request_id || time !== headers['webhook-timestamp']) return false;
  const signed = Buffer.from([id, user, time, sha256(body)].join('\n'));
  return verify(null, signed, publicKeyOf(key), Buffer.from(signature ?? '', 'hex'));
}
