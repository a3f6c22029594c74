import { createServer } from 'node:http';
import type { CryptoKey, JWTPayload } from 'jose';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import { listen } from '#local/listen.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createAdminScene } from './admin-scene.ts';
import { eventOf } from './api-scene.ts';
import { doorKey } from './middlewares/authenticate.ts';
import type { OidcOptions } from './oidc.ts';
import { createTokenReader } from './oidc.ts';

const issuer = 'https://login.example';
const audience = 'pilotlight';
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** An issuer with a real key server on a port of its own. */
async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
  const served = { status: 200, fetches: 0 };
  const server = createServer((_request, response) => {
    served.fetches += 1;
    response.writeHead(served.status, { 'content-type': 'application/json' }).end(JSON.stringify(jwks));
  });
  const url = await listen(server, 0);
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  closers.push(close);
  return { served, close, jwksUrl: `${url}/jwks.json`, publicKey, privateKey };
}

async function openScene(options: Partial<OidcOptions> = {}) {
  const issued = await startIssuer();
  const tokens = createTokenReader({
    clock: createManualClock(sampleNowMs),
    issuer,
    audience,
    jwksUrl: issued.jwksUrl,
    tenantClaim: 'tenant',
    scopes: ['jobs:read'],
    ...options,
  });
  const scene = await createAdminScene({ change: { tokens } });
  const sign = (claims: JWTPayload = {}, key: CryptoKey = issued.privateKey, kid = 'one') =>
    new SignJWT({ ...claimsOf(), ...claims }).setProtectedHeader({ alg: 'ES256', kid }).sign(key);
  const ask = (token: string) =>
    scene.sendRaw('GET', '/v1/limits', { key: token, headers: { 'x-request-id': 'same-for-all' } });
  return { ...issued, scene, sign, ask };
}

function claimsOf(): JWTPayload {
  const nowSeconds = sampleNowMs / 1000;
  return {
    iss: issuer,
    aud: audience,
    sub: 'ada',
    tenant: 'tenant-a',
    exp: nowSeconds + 60,
    iat: nowSeconds,
  };
}

describe('a token', () => {
  it('stands for a key of the tenant that its claim names', async () => {
    const { ask, sign } = await openScene();

    const got = await ask(await sign());

    expect(got.json).toMatchObject({ object: 'limits', tenant: 'tenant-a' });
  });

  it('may do what the configuration gives every token and what it names itself, never admin', async () => {
    const { scene, sign } = await openScene();
    const token = await sign({ scope: 'openid jobs:write admin' });

    const submitted = await scene.tryKey(token);
    const keys = await scene.sendRaw('GET', '/v1/keys', { key: token });
    const admin = await scene.sendRaw('GET', '/admin/v1/tenants', { key: token });

    expect(submitted.status).toBe(202);
    expect((await scene.jobOf(submitted.json.id)).keyId).toMatch(/^oidc_[0-9a-f]{16}$/);
    expect([keys.json.error.code, admin.json.error.code]).toEqual(['missing_scope', 'missing_scope']);
  });

  it('makes keys that outlive it', async () => {
    const { scene, sign } = await openScene();
    const token = await sign({ scope: 'keys:write' });

    const got = await scene.send('createKey', '/v1/keys', { key: token, body: { scopes: ['jobs:read'] } });

    expect(got.json.key).toMatchObject({ tenant: 'tenant-a', expires_at: null });
  });

  it('is refused like any wrong key when anything about it is amiss', async () => {
    const { ask, scene, sign, publicKey } = await openScene();
    const stranger = await generateKeyPair('ES256');
    const nowSeconds = sampleNowMs / 1000;
    const shared = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
    const good = await sign();
    const [head = '', body = '', signature = ''] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ ...claimsOf(), tenant: 'operator' })).toString('base64url');
    const tokens = {
      expired: await sign({ exp: nowSeconds - 6 }),
      early: await sign({ nbf: nowSeconds + 60 }),
      endless: await sign({ exp: undefined }),
      nobody: await sign({ sub: undefined }),
      issuer: await sign({ iss: 'https://other.example' }),
      audience: await sign({ aud: 'other' }),
      claimless: await sign({ tenant: undefined }),
      number: await sign({ tenant: 7 }),
      unknown: await sign({ tenant: 'tenant-z' }),
      malformed: await sign({ tenant: '../tenant-a' }),
      stranger: await sign({}, stranger.privateKey),
      other: await sign({}, stranger.privateKey, 'two'),
      unsigned: new UnsecuredJWT(claimsOf()).encode(),
      confused: await new SignJWT(claimsOf()).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(shared),
      changed: `${head}.${forged}.${signature}`,
      cut: `${head}.${body}.`,
      noise: 'a.b.c',
    };

    const answers = new Map<string, string>();
    for (const [name, token] of Object.entries(tokens)) {
      const { status, text } = await ask(token);
      answers.set(name, `${status} ${text}`);
    }

    const wrongKey = await scene.sendRaw('GET', '/v1/limits', {
      key: 'wrong',
      headers: { 'x-request-id': 'same-for-all' },
    });
    expect(new Set(answers.values())).toEqual(new Set([`401 ${wrongKey.text}`]));
  });

  it('of a suspended tenant is refused as its keys are, and of a deleted one as unknown', async () => {
    const { ask, scene, sign } = await openScene();
    await scene.addTenant(sampleTenant({ tenantId: 'closed', status: 'suspended' }));
    await scene.addTenant(sampleTenant({ tenantId: 'gone', status: 'deleted' }));

    expect((await ask(await sign({ tenant: 'closed' }))).json.error.code).toBe('tenant_suspended');
    expect((await ask(await sign({ tenant: 'gone' }))).status).toBe(401);
  });

  it('of another tenant does not pass the door of one', async () => {
    const { scene, sign } = await openScene();
    const event = eventOf('GET', '/v1/limits', {}, await sign());
    const requestContext = { ...event.requestContext, authorizer: { [doorKey]: 'operator' } };

    const got = await scene.handler({ ...event, requestContext }, {} as Parameters<typeof scene.handler>[1]);

    expect(got.statusCode).toBe(401);
  });

  it('leaves keys as they are', async () => {
    const { ask, scene, served } = await openScene();

    expect((await ask(scene.key)).status).toBe(200);
    expect(served.fetches).toBe(0);
  });

  it('is nothing where no issuer is configured', async () => {
    const { sign } = await openScene();
    const scene = await createAdminScene();

    expect((await scene.sendRaw('GET', '/v1/limits', { key: await sign() })).status).toBe(401);
  });
});

describe("the issuer's keys", () => {
  it('are fetched once for many tokens, and not for every forged key id', async () => {
    const { ask, sign, served, privateKey } = await openScene();
    for (let times = 0; times < 5; times += 1) await ask(await sign());
    for (let times = 0; times < 5; times += 1) await ask(await sign({}, privateKey, `forged-${times}`));

    expect(served.fetches).toBe(1);
  });

  it('that cannot be had are our fault, not that of the key, and are asked for again', async () => {
    const { ask, sign, served } = await openScene();
    served.status = 500;
    const broken = await ask(await sign());
    served.status = 200;

    expect(broken.json.error).toMatchObject({ code: 'unavailable', retryable: true });
    expect((await ask(await sign())).status).toBe(200);
  });

  it('of a server that is gone are our fault too', async () => {
    const { ask, close, sign } = await openScene();
    const token = await sign();
    await close();

    expect((await ask(token)).json.error.code).toBe('unavailable');
  });
});
