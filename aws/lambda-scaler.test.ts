import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it, vi } from 'vitest';
import { createLambdaScaler } from './lambda-scaler.ts';

afterEach(() => vi.unstubAllEnvs());

it('queues a run of the scaler function for the pool and waits for no result', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  const seen: { request: IncomingMessage; body: string }[] = [];
  const server = createServer(async (request, response) => {
    seen.push({ request, body: await text(request) });
    response.writeHead(202).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const endpoint = `http://127.0.0.1:${port}`;

  await createLambdaScaler({ region: 'eu-central-1', functionName: 'scaler', endpoint }).wake('demo');
  server.close();
  server.closeAllConnections();

  expect(seen.map(({ body }) => body)).toEqual(['{"pool":"demo"}']);
  expect(seen[0]?.request.url).toBe('/2015-03-31/functions/scaler/invocations');
  expect(seen[0]?.request.headers['x-amz-invocation-type']).toBe('Event');
});
