import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digest } from '../../canonical.ts';
import { fullJob, sampleJob, sampleNowMs } from '../../samples.ts';
import { falHeaders, falMessage, jwksSchema, presentKeys } from './webhook.ts';

const webhookKey = 'the key of this platform, 32 or more';
const name = (version: number, tenantId = 'tenant-a') => ({ tenantId, endpointId: 'default', version });
const job = sampleJob();

/** As fal's documentation has receivers do it: any key of the set may have signed. */
function isBelieved(headers: Record<string, string>, body: string, keys: ReturnType<typeof presentKeys>) {
  const of = (part: string) => headers[`x-fal-webhook-${part}`] ?? '';
  const signed = [of('request-id'), of('user-id'), of('timestamp'), digest(body)].join('\n');
  return keys.keys.some((key) =>
    verify(
      null,
      Buffer.from(signed),
      createPublicKey({ key, format: 'jwk' }),
      Buffer.from(of('signature'), 'hex'),
    ),
  );
}

describe('a message in fal’s form', () => {
  it('is believed by its tenant’s keys, whatever the body, and by nobody else’s', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (body) => {
        const headers = falHeaders(webhookKey, { job, body }, { secrets: [name(1)], nowMs: sampleNowMs });

        expect(isBelieved(headers, body, presentKeys(webhookKey, [name(1)]))).toBe(true);
        expect(isBelieved(headers, `${body} `, presentKeys(webhookKey, [name(1)]))).toBe(false);
        expect(isBelieved(headers, body, presentKeys(webhookKey, [name(1, 'tenant-b')]))).toBe(false);
        expect(isBelieved(headers, body, presentKeys('another key', [name(1)]))).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  it('is believed while keys change by whoever has the old set, and by whoever has the new one', () => {
    const during = falHeaders(webhookKey, { job, body: '{}' }, { secrets: [name(2), name(1)], nowMs: 0 });

    expect(isBelieved(during, '{}', presentKeys(webhookKey, [name(1)]))).toBe(true);
    expect(isBelieved(during, '{}', presentKeys(webhookKey, [name(2), name(1)]))).toBe(true);
  });

  it('says what was made, or why nothing was', () => {
    const succeeded = fullJob({ status: 'succeeded', error: null });
    const error = { code: 'model_error', message: 'The model failed.', retryable: false } as const;
    const failed = sampleJob({ status: 'failed', error });

    expect(JSON.parse(falMessage(succeeded, [{ type: 'text', text: 'hi' }]))).toMatchObject({
      request_id: succeeded.jobId,
      gateway_request_id: succeeded.jobId,
      status: 'OK',
      error: null,
      payload: { output: 'hi' },
    });
    expect(JSON.parse(falMessage(failed, null))).toMatchObject({
      status: 'ERROR',
      error: 'The model failed.',
      payload: { detail: 'The model failed.' },
    });
    expect(JSON.parse(falMessage(succeeded, null)).error).toContain('gone');
  });
});

it('keys are a JWK set', () => {
  const keys = presentKeys(webhookKey, [name(2), name(1)]);

  expect(jwksSchema.parse(keys)).toEqual(keys);
  expect(keys.keys.map(({ kid }) => kid)).toEqual(['v2', 'v1']);
});
