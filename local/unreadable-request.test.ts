import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createApiScene } from '#functions/api/api-scene.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import type { Gateway } from './gateway.ts';
import { startGateway } from './gateway.ts';

let gateway: Gateway | undefined;

afterEach(() => gateway?.close(0));

/** Everything that the gateway says to these bytes, until it ends the connection. */
async function answerTo(bytes: string): Promise<{ head: string; body: string }> {
  const { handler } = await createApiScene();
  gateway = await startGateway({ handler, port: 0, log: createRecordingLog() });
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(bytes);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  return { head: head.toLowerCase(), body };
}

describe('a request that is no HTTP', () => {
  it.each(['GARBAGE\r\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n'])(
    'is refused in the form of every refusal: %j',
    async (bytes) => {
      const { head, body } = await answerTo(bytes);

      expect(head).toMatch(/^http\/1\.1 400 /);
      expect(JSON.parse(body)).toMatchObject({
        error: { code: 'invalid_request', message: 'The request is not valid HTTP.', retryable: false },
      });
      expect(head).toContain(`x-request-id: ${JSON.parse(body).error.request_id}`);
    },
  );

  it('is refused where its length is said twice, in two ways (request smuggling)', async () => {
    const twice = 'content-length: 5\r\ntransfer-encoding: chunked\r\n';

    const { head } = await answerTo(
      `POST /v1/jobs HTTP/1.1\r\nhost: a\r\n${twice}\r\n0\r\n\r\nGET / HTTP/1.1`,
    );

    expect(head).toMatch(/^http\/1\.1 400 /);
    expect(head).toContain('connection: close');
  });
});

describe('an address and headers above 16 KiB', () => {
  it.each([
    `GET /v1/jobs?cursor=${'a'.repeat(17_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
    `GET /v1/jobs HTTP/1.1\r\nhost: a\r\nx-long: ${'a'.repeat(17_000)}\r\n\r\n`,
  ])('are refused with 431 and the headers of every answer', async (bytes) => {
    const { head, body } = await answerTo(bytes);

    expect(head).toMatch(/^http\/1\.1 431 request header fields too large/);
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'headers_too_large' } });
    expect(head).toContain('x-content-type-options: nosniff');
    expect(head).toContain('cache-control: no-store');
  });
});
