import { once } from 'node:events';
import { connect } from 'node:net';
import { Agent, request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createApiScene } from '#functions/api/api-scene.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { Gateway, GatewayOptions } from './gateway.ts';
import { startGateway } from './gateway.ts';

const open: Gateway[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((gateway) => gateway.close(0)));
});

async function start(change: Partial<GatewayOptions> = {}) {
  const scene = await createApiScene();
  const log = createRecordingLog();
  const gateway = await startGateway({ handler: scene.handler, port: 0, log, ...change });
  open.push(gateway);
  const headers = { authorization: `Bearer ${scene.key}`, 'content-type': 'application/json' };
  return { scene, log, gateway, url: gateway.url, headers };
}

const body = JSON.stringify({ model: 'fake-image', input: { prompt: 'ein Leuchtturm 灯台' } });

describe('a request over HTTP', () => {
  it('becomes a job, with text, query and headers intact', async () => {
    const { url, headers } = await start();

    const submitted = await fetch(`${url}/v1/jobs?wait=0`, { method: 'POST', headers, body });
    const listed = await fetch(`${url}/v1/jobs?metadata.a%2Eb=1&limit=5`, { headers });

    expect(submitted.status).toBe(202);
    expect(submitted.headers.get('location')).toMatch(/^\/v1\/jobs\/job_/);
    expect(await submitted.json()).toMatchObject({ input: { prompt: 'ein Leuchtturm 灯台' } });
    expect(await listed.json()).toMatchObject({ object: 'list', data: [] });
  });

  it('sees the redirect, the not modified and the HEAD answer as they are', async () => {
    const { url, headers, scene } = await start();
    const id = await scene.submit();
    await scene.finish(id);

    const output = await fetch(`${url}/v1/jobs/${id}/output/0`, { headers, redirect: 'manual' });
    const job = await fetch(`${url}/v1/jobs/${id}`, { headers });
    const etag = String(job.headers.get('etag'));
    const again = await fetch(`${url}/v1/jobs/${id}`, { headers: { ...headers, 'if-none-match': etag } });
    const head = await fetch(`${url}/v1/jobs/${id}`, { method: 'HEAD', headers });

    expect([output.status, again.status, head.status]).toEqual([302, 304, 200]);
    expect(output.headers.get('location')).toMatch(/^data:image\/png/);
    expect(await again.text()).toBe('');
    expect(await head.text()).toBe('');
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(await job.text())));
  });

  it.each([
    ['GET', '/nothing', 404, 'not_found'],
    ['GET', '//evil.example/v1/jobs', 404, 'not_found'],
    ['DELETE', '/v1/jobs', 405, 'method_not_allowed'],
    ['POST', '/v1/jobs', 400, 'invalid_json'],
  ])('%s %s is refused with %i %s', async (method, path, status, code) => {
    const { url, headers } = await start();

    const got = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(method === 'POST' ? { body: '{' } : {}),
    });

    expect(got.status).toBe(status);
    expect(await got.json()).toMatchObject({ error: { code } });
    expect(got.headers.get('x-request-id')).toMatch(/^req_/);
  });

  it('may carry bytes that are no text', async () => {
    const { url, headers } = await start();

    const got = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers,
      body: Buffer.from([0xff, 0xfe, 0x00]),
    });

    expect(await got.json()).toMatchObject({ error: { code: 'invalid_json' } });
  });

  it('may name a query parameter twice or like what objects inherit by', async () => {
    const { url, headers } = await start();

    for (const query of ['limit=1&limit=2', '__proto__=1', 'toString=1', '%E0%A4%A']) {
      expect((await fetch(`${url}/v1/jobs?${query}`, { headers })).status).toBe(400);
    }
  });
});

describe('a large body', () => {
  it('is refused by the API above 128 KiB', async () => {
    const { url, headers } = await start();

    const got = await fetch(`${url}/v1/jobs`, { method: 'POST', headers, body: ' '.repeat(128 * 1024 + 1) });

    expect(await got.json()).toMatchObject({ error: { code: 'payload_too_large' } });
  });

  it('is refused by the gateway above 10 MiB, whether or not it says how long it is', async () => {
    const { url, headers } = await start();
    const whole = Buffer.alloc(10 * 1024 * 1024 + 1, 32);
    const chunks = new ReadableStream({
      start(controller) {
        for (let at = 0; at < whole.length; at += 1024 * 1024)
          controller.enqueue(whole.subarray(at, at + 1024 * 1024));
        controller.close();
      },
    });
    const streamed: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      headers,
      body: chunks,
      duplex: 'half',
    };

    for (const got of [
      await fetch(`${url}/v1/jobs`, { method: 'POST', headers, body: whole }),
      await fetch(`${url}/v1/jobs`, streamed),
    ]) {
      expect(got.status).toBe(413);
      expect(await got.json()).toMatchObject({
        error: { code: 'payload_too_large', message: 'The body is larger than 10 MiB.' },
      });
      expect(got.headers.get('x-request-id')).toBeTruthy();
    }
  });
});

describe('many requests', () => {
  it('are all answered when 200 come at once', async () => {
    const { url, headers, scene } = await start();

    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const got = await fetch(`${url}/v1/jobs`, { method: 'POST', headers, body });
        await got.arrayBuffer();
        return got.status;
      }),
    );

    const accepted = statuses.filter((status) => status === 202).length;
    expect(accepted).toBe(100);
    expect(statuses.filter((status) => status === 429).length).toBe(100);
    expect(await scene.jobs.count('fake')).toEqual({ waiting: 100, leased: 0 });
  });

  it('beyond 1,000 at a time are told to come back, and the others are served', async () => {
    const released = Promise.withResolvers<void>();
    const handler = async () => {
      await released.promise;
      return { statusCode: 204, body: '' };
    };
    const gateway = await startGateway({ handler, port: 0, log: createRecordingLog() });
    const dispatcher = new Agent({ connections: null });
    const asked = Array.from({ length: 1_010 }, () => request(gateway.url, { dispatcher }));

    const shed = await Promise.any(asked);
    released.resolve();
    const answers = await Promise.all(asked);
    await Promise.all([dispatcher.destroy(), gateway.close(0)]);

    expect(shed.statusCode).toBe(503);
    expect(shed.headers['retry-after']).toBe('1');
    expect(await shed.body.json()).toMatchObject({ error: { code: 'unavailable', retryable: true } });
    expect(answers.filter(({ statusCode }) => statusCode === 204).length).toBeGreaterThanOrEqual(1_000);
  });

  it('share one connection', async () => {
    const { gateway } = await start();
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });

    const ask = 'GET /health HTTP/1.1\r\nhost: a\r\n\r\n';
    socket.write(ask + ask);
    socket.write('GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    await once(socket, 'close');

    expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });
});

describe('a client that hangs up', () => {
  it('leaves the gateway serving, whether it was sending or waiting', async () => {
    const { gateway, url, headers, scene } = await start();
    const id = await scene.submit();
    const port = Number(new URL(gateway.url).port);

    const sending = connect(port, '127.0.0.1');
    sending.write('POST /v1/jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{');
    const waiting = connect(port, '127.0.0.1');
    waiting.write(
      `GET /v1/jobs/${id}?wait=60 HTTP/1.1\r\nhost: a\r\nauthorization: ${headers.authorization}\r\n\r\n`,
    );
    await once(waiting, 'connect');
    expect((await fetch(`${url}/health`)).status).toBe(200);
    sending.destroy();
    waiting.destroy();
    await scene.clock.advance(60_000);

    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('a handler that throws', () => {
  it('is answered for with a 500 that says nothing of it', async () => {
    const { url, log } = await start({ handler: () => Promise.reject(new Error('broken wire')) });

    const got = await fetch(`${url}/health`);
    const text = await got.text();

    expect(got.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'internal' } });
    expect(text).not.toContain('broken wire');
    expect(log.lines).toMatchObject([
      { event: 'gateway.failed', fields: { requestId: got.headers.get('x-request-id') } },
    ]);
  });
});

describe('starting and closing', () => {
  it('says that the port is in use', async () => {
    const { gateway, scene, log } = await start();
    const port = Number(new URL(gateway.url).port);

    await expect(startGateway({ handler: scene.handler, port, log })).rejects.toMatchObject({
      name: 'StartError',
      code: 'port_in_use',
    });
  });

  it('lets an open request end before it closes', async () => {
    const { gateway, url, headers, scene } = await start();
    const id = await scene.submit();
    const answer = fetch(`${url}/v1/jobs/${id}?wait=1`, { headers });
    while (scene.clock.nextWakeMs() === null) await fetch(`${url}/health`);

    const closed = gateway.close();
    await scene.clock.advance(1_000);

    expect((await answer).status).toBe(200);
    await closed;
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  it('cuts off a request that outlasts the bound', async () => {
    const { gateway, url, headers, scene } = await start();
    const id = await scene.submit();
    const answer = fetch(`${url}/v1/jobs/${id}?wait=60`, { headers });
    const cut = expect(answer).rejects.toThrow();
    while (scene.clock.nextWakeMs() === null) await fetch(`${url}/health`);

    await gateway.close(20);

    await cut;
  });
});
