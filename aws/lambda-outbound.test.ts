import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { writeAnswer } from '#core/egress/outbound-wire.ts';
import { createLambdaOutbound } from './lambda-outbound.ts';

afterEach(() => vi.unstubAllEnvs());

const request = {
  method: 'GET',
  url: 'https://example.com/a.png',
  headers: { accept: 'image/png' },
  timeoutMs: 10_000,
  answerBytesMax: 1024,
} as const;

/** Lambda as it answers an invocation, and what it was asked. */
async function invoked(answer: string, headers: Record<string, string> = {}) {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  const seen: { request: IncomingMessage; body: string }[] = [];
  const server = createServer(async (asked, response) => {
    seen.push({ request: asked, body: await text(asked) });
    response.writeHead(200, headers).end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const endpoint = `http://127.0.0.1:${port}`;
  const outbound = createLambdaOutbound({ region: 'eu-central-1', functionName: 'egress', endpoint });
  const sent = await outbound.send(request).catch(() => 'rejected');
  server.close();
  server.closeAllConnections();
  return { sent, seen };
}

it('asks the function and waits for what the address answered, to the byte', async () => {
  const body = new Uint8Array([0, 255, 10, 128]);
  const answer = { kind: 'answered', status: 200, headers: {}, body, truncated: false } as const;

  const { sent, seen } = await invoked(JSON.stringify(writeAnswer(answer)));

  expect(sent).toEqual(answer);
  expect(seen[0]?.request.url).toBe('/2015-03-31/functions/egress/invocations');
  expect(JSON.parse(seen[0]?.body ?? '')).toEqual(request);
});

it('passes on that the guard refused', async () => {
  const refused = { kind: 'refused', rule: 'address_metadata', detail: 'it is a service' } as const;

  expect((await invoked(JSON.stringify(refused))).sent).toEqual(refused);
});

it.each([
  ['the function failed', '{"errorMessage":"x"}', { 'x-amz-function-error': 'Unhandled' }],
  ['it says what it cannot have meant', '{"kind":"answered"}', {}],
])('rejects where %s: that says nothing of the address', async (_, answer, headers) => {
  expect((await invoked(answer, headers)).sent).toBe('rejected');
});
