import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSignedBy } from '#sim/world/verify-message.ts';
import { sampleEndpoint, sampleNowMs } from '../samples.ts';
import { rotated, secretsInForce } from './endpoint.ts';
import type { SecretName } from './secret.ts';
import { formatPublicKey, formatSecret, sharedSecret, signingKey } from './secret.ts';
import { signedHeaders } from './sign.ts';

const webhookKey = 'the key of this platform, 32 or more';
const name: SecretName = { tenantId: 'tenant-a', endpointId: 'whe_1', version: 1 };
const secretOf = (of: SecretName, key = webhookKey) => formatSecret(sharedSecret(key, of));
const publicKeyOf = (of: SecretName) => formatPublicKey(signingKey(webhookKey, of));

function messageBy(secrets: readonly SecretName[], body = '{"type":"job.succeeded"}') {
  const headers = signedHeaders(webhookKey, { id: 'whd_1', body }, { secrets, nowMs: sampleNowMs });
  return { headers, body };
}

describe('the verifier of these tests', () => {
  // The example of docs.svix.com/receiving/verifying-payloads/how-manual.
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const nowMs = 1_614_265_330_000;

  it('takes the known message of the specification, and no other body, secret or time', () => {
    const body = '{"test": 2432232314}';

    expect(isSignedBy(secret, { headers, body }, nowMs)).toBe(true);
    expect(isSignedBy(secret, { headers, body: `${body} ` }, nowMs)).toBe(false);
    expect(isSignedBy(secretOf(name), { headers, body }, nowMs)).toBe(false);
    expect(isSignedBy(secret, { headers, body }, nowMs + 301_000)).toBe(false);
  });
});

describe('a signed message', () => {
  it('is believed by its secret and by its public key, whatever the body', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const message = messageBy([name], JSON.stringify({ text }));

        expect(isSignedBy(secretOf(name), message, sampleNowMs)).toBe(true);
        expect(isSignedBy(publicKeyOf(name), message, sampleNowMs)).toBe(true);
      }),
    );
  });

  it.each([
    { ...name, tenantId: 'tenant-b' },
    { ...name, endpointId: 'whe_2' },
    { ...name, version: 2 },
  ])('is not believed by the secret of %j', (other) => {
    const message = messageBy([name]);

    expect(isSignedBy(secretOf(other), message, sampleNowMs)).toBe(false);
    expect(isSignedBy(publicKeyOf(other), message, sampleNowMs)).toBe(false);
  });

  it('is not believed by the same secret of another platform', () => {
    expect(isSignedBy(secretOf(name, 'another key'), messageBy([name]), sampleNowMs)).toBe(false);
  });

  it('is not believed when body, id or time were changed on the way', () => {
    const { headers, body } = messageBy([name]);
    const later = String(Number(headers['webhook-timestamp']) + 1);
    const changed = [
      { headers, body: `${body}\n` },
      { headers: { ...headers, 'webhook-id': 'whd_2' }, body },
      { headers: { ...headers, 'webhook-timestamp': later }, body },
      { headers: { ...headers, 'webhook-timestamp': '' }, body },
    ];

    for (const message of changed) {
      expect(isSignedBy(secretOf(name), message, sampleNowMs)).toBe(false);
      expect(isSignedBy(publicKeyOf(name), message, sampleNowMs)).toBe(false);
    }
  });

  it('has headers of the forms that the specification names', () => {
    const { headers } = messageBy([name]);

    expect(secretOf(name)).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(publicKeyOf(name)).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
    expect(headers['webhook-timestamp']).toBe('1900000000');
    expect(headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1a,[A-Za-z0-9+/]{86}==$/);
  });

  it('is believed by old and new secret while one is rotated, and by the new one alone from then on', () => {
    const first = sampleEndpoint();
    const { tenantId, endpointId } = first;
    const second = rotated(first, sampleNowMs, 60_000);
    const [oldName, newName] = [1, 2].map((version) => ({ tenantId, endpointId, version })) as [
      SecretName,
      SecretName,
    ];

    const during = messageBy(secretsInForce(second, sampleNowMs + 59_999));
    const after = messageBy(secretsInForce(second, sampleNowMs + 60_000));

    const believed = (of: SecretName, message: typeof during) =>
      [secretOf(of), publicKeyOf(of)].map((key) => isSignedBy(key, message, sampleNowMs));
    expect([believed(oldName, during), believed(newName, during)]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect([believed(oldName, after), believed(newName, after)]).toEqual([
      [false, false],
      [true, true],
    ]);
  });
});
