/** TLS as the guard asks for it: the certificate belongs to the name that was typed, not to the address dialled. */

import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { OutboundAnswer } from '#core/egress/outbound.ts';
import type { EgressPolicy } from '#core/egress/policy.ts';
import { certificateFor } from './certificate-under-test.ts';
import { createGuardedOutbound } from './guarded-outbound.ts';
import { ServersUnderTest } from './servers-under-test.ts';

const policy: EgressPolicy = { schemes: ['https'], ports: 'any', privateAddresses: 'allowed' };
const own = certificateFor('hooks.example.com');

const servers = new ServersUnderTest();
afterEach(async () => {
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  await servers.stop();
});

function send(url: string, authorities?: readonly string[]): Promise<OutboundAnswer> {
  const outbound = createGuardedOutbound({
    policy,
    resolveHost: async () => ['127.0.0.1'],
    ...(authorities === undefined ? {} : { authorities }),
  });
  return outbound.send({ method: 'GET', url, headers: {}, timeoutMs: 10_000, answerBytesMax: 1_000 });
}

describe('a certificate', () => {
  it('for the name, of an authority that is trusted, is taken, and the server is told the name', async () => {
    const told: (string | undefined)[] = [];
    const server = await servers.https((_request, response) => response.end('ok'), {
      ...own,
      SNICallback: (name, done) => {
        told.push(name);
        done(null);
      },
    });

    const answer = await send(`https://hooks.example.com:${server.port}/`, [own.cert]);

    expect(answer).toMatchObject({ kind: 'answered', status: 200 });
    expect(told).toEqual(['hooks.example.com']);
    expect(server.seen).toEqual([`GET / hooks.example.com:${server.port}`]);
  });

  it('of its own making is refused before any request', async () => {
    const server = await servers.https((_request, response) => response.end(), own);

    const answer = await send(`https://hooks.example.com:${server.port}/`);

    expect(answer).toEqual({ kind: 'failed', reason: 'tls', detail: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(server.seen).toEqual([]);
  });

  it('for another name is refused before any request', async () => {
    const server = await servers.https((_request, response) => response.end(), own);

    const answer = await send(`https://other.example.com:${server.port}/`, [own.cert]);

    expect(answer).toEqual({ kind: 'failed', reason: 'tls', detail: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(server.seen).toEqual([]);
  });

  it('for a name is refused where the URL has the address', async () => {
    const server = await servers.https((_request, response) => response.end(), own);

    const answer = await send(`https://127.0.0.1:${server.port}/`, [own.cert]);

    expect(answer).toMatchObject({ kind: 'failed', reason: 'tls' });
  });

  it('is checked whatever the environment says', async () => {
    const server = await servers.https((_request, response) => response.end(), own);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

    const answer = await send(`https://hooks.example.com:${server.port}/`);

    expect(answer).toMatchObject({ kind: 'failed', reason: 'tls' });
  });
});

describe('a port without TLS of ours', () => {
  it('that speaks plain HTTP is a fault of TLS', async () => {
    const server = await servers.http((_request, response) => response.end());

    expect(await send(`https://hooks.example.com:${server.port}/`)).toMatchObject({
      kind: 'failed',
      reason: 'tls',
    });
  });

  it('that speaks TLS 1.1 at most is a fault of TLS', async () => {
    const server = await servers.https((_request, response) => response.end(), {
      ...own,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
    });

    const answer = await send(`https://hooks.example.com:${server.port}/`, [own.cert]);

    expect(answer).toMatchObject({ kind: 'failed', reason: 'tls' });
  });

  it('that speaks HTTP/2 alone is a fault of TLS', async () => {
    const server = createSecureServer({ ...own, allowHTTP1: false });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // A server that listens on a port has an address of this kind, never a path.
    const { port } = server.address() as AddressInfo;

    const answer = await send(`https://hooks.example.com:${port}/`, [own.cert]);
    server.close();

    expect(answer).toMatchObject({ kind: 'failed', reason: 'tls' });
  });
});
