/** A receiver of webhooks that takes every message, and keeps what it was sent to be searched. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Received {
  /** With its query. */
  readonly path: string;
  readonly headers: string;
  readonly body: string;
  /** The job or batch that the body is about; null for a test. */
  readonly about: string | null;
}

export interface CanaryReceiver {
  readonly origin: string;
  readonly received: readonly Received[];
  close(): void;
}

export async function startReceiver(): Promise<CanaryReceiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const { 0: about = null } = /(?:job|batch)_[0-9a-hjkmnp-tv-z]{26}/.exec(body) ?? [];
    received.push({ path: request.url ?? '', headers: JSON.stringify(request.rawHeaders), body, about });
    response.writeHead(204).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the receiver does not listen');
  return { origin: `http://127.0.0.1:${address.port}`, received, close: () => server.close() };
}
