/**
 * The end of a job as fal tells it, and fal's own signature: Ed25519, in hex, over request id, user id, time and the hash
 * of the body. Each tenant has keys of its own, those of its webhook `default`: with one for all, a tenant could name
 * another's receiver and be believed there.
 */
import { createPublicKey, sign } from 'node:crypto';
import * as z from 'zod';
import { digest } from '../../canonical.ts';
import type { JobRecord } from '../../job/job.ts';
import type { SecretName } from '../../webhook/secret.ts';
import { signingKey } from '../../webhook/secret.ts';
import type { ToldOutput } from '../outputs.ts';
import { presentResult } from './result.ts';

/** @param outputs null while the job has not succeeded, and once its files are gone */
export function falMessage(job: JobRecord, outputs: readonly ToldOutput[] | null): string {
  const about = { request_id: job.jobId, gateway_request_id: job.jobId };
  if (outputs !== null) {
    return JSON.stringify({ ...about, status: 'OK', error: null, payload: presentResult(job, outputs) });
  }
  const error = job.error?.message ?? 'The files of the request are gone.';
  return JSON.stringify({ ...about, status: 'ERROR', error, payload: { detail: error } });
}

/** @param secrets in force, newest first: the oldest signs, because receivers keep the keys they read for a day */
export function falHeaders(
  webhookKey: string,
  { job, body }: { readonly job: Pick<JobRecord, 'tenantId' | 'jobId'>; readonly body: string },
  { secrets, nowMs }: { readonly secrets: readonly SecretName[]; readonly nowMs: number },
): Record<string, string> {
  const name = secrets.at(-1);
  if (name === undefined) throw new Error('an endpoint always has a secret');
  const timestamp = String(Math.floor(nowMs / 1000));
  const signed = [job.jobId, job.tenantId, timestamp, digest(body)].join('\n');
  return {
    'x-fal-webhook-request-id': job.jobId,
    'x-fal-webhook-user-id': job.tenantId,
    'x-fal-webhook-timestamp': timestamp,
    'x-fal-webhook-signature': sign(null, Buffer.from(signed), signingKey(webhookKey, name)).toString('hex'),
  };
}

/** RFC 8037. */
export const jwksSchema = z
  .strictObject({
    keys: z.array(
      z.strictObject({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        use: z.literal('sig'),
        kid: z.string(),
        x: z.string(),
      }),
    ),
  })
  .meta({ id: 'FalKeys' });

export function presentKeys(webhookKey: string, secrets: readonly SecretName[]): z.infer<typeof jwksSchema> {
  const keys = secrets.map((name) => {
    const { x = '' } = createPublicKey(signingKey(webhookKey, name)).export({ format: 'jwk' });
    return { kty: 'OKP', crv: 'Ed25519', use: 'sig', kid: `v${name.version}`, x } as const;
  });
  return { keys };
}
