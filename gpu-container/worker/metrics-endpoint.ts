/**
 * `GET /metrics` for a Prometheus that scrapes workers. It asks nobody for a key and says nothing of any tenant: who may reach
 * it is for the network to say.
 */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { StartError } from '#core/errors.ts';
import type { MetricsInMemory } from '#core/observability/prometheus.ts';
import { prometheusContentType } from '#core/observability/prometheus.ts';

export interface MetricsEndpoint {
  /** Where it listens; null where it does not. */
  readonly port: number | null;
  close(): void;
}

/** A scrape is one short request; whoever holds a connection longer only takes up room. */
const requestMs = 5_000;

/**
 * @param listen `HOST:PORT`, port 0 for a free one; undefined: there is no endpoint
 * @throws StartError `port_in_use`
 */
export async function serveMetrics(
  listen: string | undefined,
  numbers: MetricsInMemory,
): Promise<MetricsEndpoint> {
  if (listen === undefined) return { port: null, close: () => undefined };
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, (request, response) =>
    answer(request, response, numbers),
  );
  const [host, port] = splitAddress(listen);
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw new StartError('port_in_use', listen, error);
  }
  // The worker ends when its work does, scraped or not.
  server.unref();
  return {
    port: portOf(server),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer({ method, url }: IncomingMessage, response: ServerResponse, numbers: MetricsInMemory): void {
  const isFound = (method === 'GET' || method === 'HEAD') && url?.split('?')[0] === '/metrics';
  response.writeHead(isFound ? 200 : 404, { 'content-type': prometheusContentType });
  response.end(isFound && method === 'GET' ? numbers.text() : undefined);
}

/** An IPv6 address comes in brackets, as in a URL. */
function splitAddress(listen: string): [host: string, port: number] {
  const at = listen.lastIndexOf(':');
  return [listen.slice(0, at).replaceAll(/[[\]]/g, ''), Number(listen.slice(at + 1))];
}

function portOf(server: Server): number | null {
  const address = server.address();
  return address === null || typeof address === 'string' ? null : address.port;
}
