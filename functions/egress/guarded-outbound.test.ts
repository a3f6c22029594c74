import { networkInterfaces } from 'node:os';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutboundAnswer, OutboundRequest } from '#core/egress/outbound.ts';
import type { EgressPolicy } from '#core/egress/policy.ts';
import { egressLimits } from '#core/limits.ts';
import { createGuardedOutbound } from './guarded-outbound.ts';
import { ServersUnderTest } from './servers-under-test.ts';

/** Lets the test's own servers in, and still refuses metadata and all other special addresses. */
const ownMachine: EgressPolicy = { schemes: ['https', 'http'], ports: 'any', privateAddresses: 'allowed' };
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((each) => each?.address === '::1');

const servers = new ServersUnderTest();
/** What the names lead to. */
let addresses: string[];

beforeEach(() => {
  addresses = ['127.0.0.1'];
});
afterEach(() => servers.stop());

function send(url: string, request: Partial<OutboundRequest> = {}): Promise<OutboundAnswer> {
  const outbound = createGuardedOutbound({ policy: ownMachine, resolveHost: async () => addresses });
  return outbound.send({
    method: 'GET',
    url,
    headers: {},
    timeoutMs: 10_000,
    answerBytesMax: 1_000,
    ...request,
  });
}

function textOf(answer: OutboundAnswer): string {
  return answer.kind === 'answered' ? Buffer.from(answer.body).toString() : JSON.stringify(answer);
}

describe('an exchange', () => {
  it('sends method, headers and body to the name, and gives back status, headers and body', async () => {
    const bodies: string[] = [];
    const server = await servers.http((request, response) => {
      request.on('data', (chunk) => bodies.push(`${request.headers['x-sign']} ${chunk}`));
      request.on('end', () => response.writeHead(202, { 'X-Said': ['a', 'b'] }).end('thanks'));
    });

    const answer = await send(`http://hooks.example.com:${server.port}/in?a=b`, {
      method: 'POST',
      headers: { 'x-sign': 'v1' },
      body: Buffer.from('event'),
    });

    expect(answer).toMatchObject({
      kind: 'answered',
      status: 202,
      headers: { 'x-said': 'a, b' },
      truncated: false,
    });
    expect(textOf(answer)).toBe('thanks');
    expect(bodies).toEqual(['v1 event']);
    expect(server.seen).toEqual([`POST /in?a=b hooks.example.com:${server.port}`]);
  });

  it('is the only one of its connection, which ends with it', async () => {
    const kept: (string | undefined)[] = [];
    const server = await servers.http((request, response) => {
      kept.push(request.headers.connection);
      response.end();
    });

    await send(`http://a.example:${server.port}`);

    expect(kept).toEqual(['close']);
  });

  it.runIf(hasIpv6)('reaches an IPv6 address, by name and typed', async () => {
    const server = await servers.http((_request, response) => response.end('six'), '::1');
    addresses = ['::1'];

    const answers = [
      await send(`http://six.example:${server.port}/`),
      await send(`http://[::1]:${server.port}/`),
    ];

    expect(answers.map(textOf)).toEqual(['six', 'six']);
    expect(server.seen).toEqual([`GET / six.example:${server.port}`, `GET / [::1]:${server.port}`]);
  });

  it('goes to the next of the addresses that were checked where nobody listens at the first', async () => {
    const server = await servers.http((_request, response) => response.end('second'), '127.0.0.2');
    addresses = ['127.0.0.1', '127.0.0.2'];

    expect(textOf(await send(`http://a.example:${server.port}/`))).toBe('second');
  });
});

describe('what the guard refuses', () => {
  it.each([
    ['a user name before the host', 'http://a.example@127.0.0.1:PORT/', {}, 'userinfo'],
    ['a loopback address in decimal', 'http://2130706433:PORT/', {}, 'host_number'],
    ['a mapped address', 'http://[::ffff:127.0.0.1]:PORT/', {}, 'address_special'],
    ['a Host of its own', 'http://a.example:PORT/', { Host: 'b.example' }, 'header'],
    ['a second request in a header', 'http://a.example:PORT/', { a: 'b\r\n\r\nGET / HTTP/1.1' }, 'header'],
    ['a header without a name', 'http://a.example:PORT/', { '': 'b' }, 'header'],
    ['a length of its own', 'http://a.example:PORT/', { 'content-length': '0' }, 'header'],
  ])('%s reaches nobody', async (_what, url, headers, rule) => {
    const server = await servers.http((_request, response) => response.end());

    const answer = await send(url.replace('PORT', String(server.port)), { headers });

    expect(answer).toMatchObject({ kind: 'refused', rule });
    expect(server.seen).toEqual([]);
  });
});

describe('an answer that leads elsewhere', () => {
  it.each([301, 302, 303, 307, 308])('%d is given back as it is, and nobody goes there', async (status) => {
    const inner = await servers.http((_request, response) => response.end('secret'));
    const location = `http://127.0.0.1:${inner.port}/latest/meta-data/`;
    const server = await servers.http((_request, response) => response.writeHead(status, { location }).end());

    const answer = await send(`http://a.example:${server.port}/`);

    expect(answer).toMatchObject({ kind: 'answered', status, headers: { location } });
    expect(inner.seen).toEqual([]);
  });

  it('to the metadata service: its Location is only text', async () => {
    const location = 'http://169.254.169.254/latest/meta-data/iam/security-credentials/';
    const server = await servers.http((_request, response) => response.writeHead(302, { location }).end());

    const answer = await send(`http://a.example:${server.port}/`);

    expect(answer).toMatchObject({ kind: 'answered', status: 302, headers: { location } });
    expect(server.seen).toHaveLength(1);
  });
});

describe('the environment', () => {
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
  afterEach(() => {
    for (const name of names) delete process.env[name];
  });

  it('names a proxy that gets nothing to see', async () => {
    const proxy = await servers.http((_request, response) => response.end('proxy'));
    const server = await servers.http((_request, response) => response.end('direct'));
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;

    const answer = await send(`http://a.example:${server.port}/`);

    expect(textOf(answer)).toBe('direct');
    expect(proxy.seen).toEqual([]);
  });
});

describe('an answer that is too much', () => {
  it('is read to the limit and no further, and its sender is cut off', async () => {
    const cutOff = Promise.withResolvers<void>();
    const server = await servers.http((_request, response) => {
      const write = (): void => {
        while (response.write(Buffer.alloc(64 * 1024)));
      };
      response.on('drain', write).on('close', cutOff.resolve);
      write();
    });

    const answer = await send(`http://a.example:${server.port}/`, { answerBytesMax: 100_000 });

    expect(answer).toMatchObject({ kind: 'answered', truncated: true });
    expect(answer.kind === 'answered' && answer.body.length).toBe(100_000);
    await cutOff.promise;
  });

  it('is not called cut where it ends at the limit', async () => {
    const server = await servers.http((_request, response) => response.end('1234567890'));

    const answers = await Promise.all(
      [9, 10, 11].map((answerBytesMax) => send(`http://a.example:${server.port}/`, { answerBytesMax })),
    );

    expect(answers.map((each) => each.kind === 'answered' && each.truncated)).toEqual([true, false, false]);
  });

  it('stays packed: 50 MB of zeros are the few kB that were sent', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const server = await servers.http((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });

    const answer = await send(`http://a.example:${server.port}/`, { answerBytesMax: 100_000 });

    expect(answer).toMatchObject({ kind: 'answered', truncated: false });
    expect(answer.kind === 'answered' && answer.body.length).toBe(bomb.length);
  });

  it('in its headers is no answer', async () => {
    const server = await servers.tcp((socket) => {
      const header = `x: ${'y'.repeat(1_000)}\r\n`;
      socket.write(`HTTP/1.1 200 OK\r\n${header.repeat(egressLimits.answerHeaderBytesMax / 1_000 + 1)}\r\n`);
    });

    const answer = await send(`http://a.example:${server.port}/`);

    expect(answer).toMatchObject({ kind: 'failed', reason: 'protocol', detail: 'UND_ERR_HEADERS_OVERFLOW' });
  });
});

describe('a far side that takes its time', () => {
  const timeoutMs = 300;

  it('and never answers ends the exchange at its time', async () => {
    const server = await servers.tcp(() => undefined);

    const answer = await send(`http://a.example:${server.port}/`, { timeoutMs });

    expect(answer).toMatchObject({ kind: 'failed', reason: 'timeout' });
  });

  it('and drips headers gains nothing by every byte', async () => {
    const server = await servers.tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x: y\r\n'), 20);
      socket.on('close', () => clearInterval(drip));
    });

    expect(await send(`http://a.example:${server.port}/`, { timeoutMs })).toMatchObject({
      reason: 'timeout',
    });
  });

  it('and drips its body gains nothing by every byte', async () => {
    const server = await servers.http((_request, response) => {
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    });

    expect(await send(`http://a.example:${server.port}/`, { timeoutMs })).toMatchObject({
      reason: 'timeout',
    });
  });

  it('and sends interim answers for ever gains nothing by them', async () => {
    const server = await servers.tcp((socket) => {
      const drip = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20);
      socket.on('close', () => clearInterval(drip));
    });

    expect(await send(`http://a.example:${server.port}/`, { timeoutMs })).toMatchObject({
      reason: 'timeout',
    });
  });

  it('and does not begin TLS ends the exchange at its time', async () => {
    const server = await servers.tcp(() => undefined);

    expect(await send(`https://a.example:${server.port}/`, { timeoutMs })).toMatchObject({
      reason: 'timeout',
    });
  });
});

describe('a far side that breaks off', () => {
  it('where nobody listens is a failed connection', async () => {
    const server = await servers.http((_request, response) => response.end());
    await servers.stop();

    const answer = await send(`http://a.example:${server.port}/`);

    expect(answer).toEqual({ kind: 'failed', reason: 'connect', detail: 'ECONNREFUSED' });
  });

  it.each([
    ['before it answers', ''],
    ['in its headers', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
    ['in a body of chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf'],
  ])('%s has reset the exchange', async (_when, part) => {
    const ended = await servers.tcp((socket) => socket.once('data', () => socket.end(part)));
    const reset = await servers.tcp((socket) =>
      socket.once('data', () => socket.write(part, () => socket.resetAndDestroy())),
    );

    const answers = await Promise.all([ended, reset].map(({ port }) => send(`http://a.example:${port}/`)));

    expect(answers).toMatchObject([
      { kind: 'failed', reason: 'reset' },
      { kind: 'failed', reason: 'reset' },
    ]);
  });
});

describe('a far side that speaks no HTTP/1.1', () => {
  it.each([
    ['a greeting of SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a greeting of SMTP', '220 mail.example ESMTP\r\n'],
    ['HTTP/2 at once', Buffer.from('000000040000000000', 'hex')],
    ['HTTP/0.9', '<html></html>'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['NUL in a header', 'HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n'],
  ])('%s is a fault of protocol', async (_what, greeting) => {
    const server = await servers.tcp((socket) => socket.once('data', () => socket.write(greeting)));

    const answer = await send(`http://a.example:${server.port}/`);

    expect(answer).toMatchObject({ kind: 'failed', reason: 'protocol' });
  });
});
