/** Properties of the token reader: nothing but a token that the issuer signed is worth anything. */
import { createServer } from 'node:http';
import fc from 'fast-check';
import { base64url, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleNowMs } from '#core/samples.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import { listen } from '#local/listen.ts';
import { budget } from '#sim/fuzz-budget.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createTokenReader } from './oidc.ts';
import type { TokenReader } from './token-reader.ts';

const issuer = 'https://login.example';
const nowSeconds = sampleNowMs / 1000;
let tokens: TokenReader;
let sign: (claims: object) => Promise<string>;
let close: () => void;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
  const server = createServer((_, response) => response.end(JSON.stringify(jwks)));
  const url = await listen(server, 0);
  close = () => server.close();
  tokens = createTokenReader({
    clock: createManualClock(sampleNowMs),
    issuer,
    audience: 'pilotlight',
    jwksUrl: url,
    tenantClaim: 'tenant',
    scopes: ['jobs:read'],
  });
  sign = (claims) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey);
});

afterAll(() => close());

const good = {
  iss: issuer,
  aud: 'pilotlight',
  sub: 'ada',
  tenant: 'tenant-a',
  exp: nowSeconds + 60,
  iat: nowSeconds,
};

describe('a token', () => {
  it('of any other form is worth nothing, and never an error', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.jsonValue().map((value) => base64url.encode(JSON.stringify(value))),
      fc
        .constantFrom(
          { alg: 'none' },
          { alg: 'HS256', kid: 'one' },
          { alg: 'ES256', kid: 'two' },
          { alg: 'ES256', kid: 'one', crit: ['x'] },
          good,
        )
        .map((value) => base64url.encode(JSON.stringify(value))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
        expect(await tokens.read(parts.join('.'))).toBeNull();
      }),
      budget(300),
    );
  });

  it('with one byte of its claims or signature changed is worth nothing', async () => {
    const whole = await sign(good);
    const parts = whole.split('.').map((part) => base64url.decode(part));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 2),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (which, place, flip) => {
          const changed = parts.map((bytes, index) => {
            const copy = Uint8Array.from(bytes);
            if (index === which) copy[place % copy.length] = (copy[place % copy.length] ?? 0) ^ flip;
            return base64url.encode(copy);
          });

          expect(await tokens.read(changed.join('.'))).toBeNull();
        },
      ),
      budget(300),
    );
  });

  it('with any claims is a key of the tenant that it names, without admin, or worth nothing', async () => {
    const claims = fc.record(
      {
        iss: fc.constantFrom(issuer, 'https://other.example'),
        aud: fc.constantFrom<string | string[]>('pilotlight', 'other', ['pilotlight', 'x']),
        sub: fc.oneof(fc.constant('ada'), fc.string({ maxLength: 5 })),
        tenant: fc.oneof(fc.constant('tenant-a'), fc.jsonValue({ maxDepth: 1 })),
        scope: fc.oneof(
          fc.constantFrom('admin', 'jobs:write admin', '__proto__'),
          fc.jsonValue({ maxDepth: 1 }),
        ),
        exp: fc.constantFrom(nowSeconds + 60, nowSeconds - 60, 1e12),
        iat: fc.constantFrom(nowSeconds, 0, -1),
      },
      { requiredKeys: ['exp'] },
    );
    await fc.assert(
      fc.asyncProperty(claims, async (given) => {
        const key = await tokens.read(await sign(given));
        if (key === null) return;

        expect(given.iss).toBe(issuer);
        expect(given.exp).toBeGreaterThan(nowSeconds - 60);
        expect([given.aud].flat()).toContain('pilotlight');
        expect(key.tenantId).toBe(given.tenant);
        expect(key.scopes.filter((scope) => !tenantScopes.includes(scope))).toEqual([]);
        expect(key.keyId).toMatch(/^oidc_[0-9a-f]{16}$/);
      }),
      budget(200),
    );
  });
});
