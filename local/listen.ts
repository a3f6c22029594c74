import { once } from 'node:events';
import type { Server } from 'node:net';
import { StartError } from '#core/errors.ts';

/** Only this machine may reach the local stack: it asks nobody for a key. */
export const loopback = '127.0.0.1';

/** A burst of thousands must not be reset before we look at it. The kernel's own maximum (somaxconn) still counts. */
const connectionsWaitingMax = 16_384;

/**
 * Listens on the loopback address; port 0 takes a free one. Answers the base address.
 * @throws StartError `port_in_use`
 */
export async function listen(server: Server, port: number): Promise<string> {
  try {
    server.listen({ port, host: loopback, backlog: connectionsWaitingMax });
    await once(server, 'listening');
  } catch (error) {
    throw listenFault(error, port);
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://${loopback}:${address.port}`;
}

/** The fault of listening on a port, as one that a person can act on. */
export function listenFault(error: unknown, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRINUSE' || code === 'EACCES'
    ? new StartError('port_in_use', String(port), error)
    : error;
}
