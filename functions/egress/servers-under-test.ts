/** Real servers on this machine for tests of the guard; each keeps what came, and all end together. */
import { once } from 'node:events';
import type { Server as HttpServer, IncomingMessage, RequestListener } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import type { TlsOptions } from 'node:tls';

export interface ServerUnderTest {
  readonly port: number;
  /** Requests that came, or connections where the server speaks no HTTP. */
  readonly seen: readonly string[];
}

export class ServersUnderTest {
  readonly #servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

  /** `seen` holds method, path and Host of each request. */
  http(answer: RequestListener, host = '127.0.0.1', port = 0): Promise<ServerUnderTest> {
    return this.#counted(createHttpServer(answer), host, port);
  }

  https(answer: RequestListener, options: TlsOptions): Promise<ServerUnderTest> {
    return this.#counted(createHttpsServer(options, answer), '127.0.0.1', 0);
  }

  /** `seen` holds one entry a connection. */
  async tcp(serve: (socket: Socket) => void): Promise<ServerUnderTest> {
    const seen: string[] = [];
    const server = createTcpServer((socket) => {
      // The client goes away in the middle on purpose.
      socket.on('error', () => socket.destroy());
      seen.push('connection');
      serve(socket);
    });
    return { port: await this.#listen(server, '127.0.0.1', 0), seen };
  }

  async stop(): Promise<void> {
    const closed = this.#servers.splice(0).map(async ({ server, sockets }) => {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    });
    await Promise.all(closed);
  }

  async #counted(server: HttpServer, host: string, port: number): Promise<ServerUnderTest> {
    const seen: string[] = [];
    server.on('request', ({ method, url, headers }: IncomingMessage) => {
      seen.push(`${method} ${url} ${headers.host}`);
    });
    return { port: await this.#listen(server, host, port), seen };
  }

  async #listen(server: Server, host: string, port: number): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    this.#servers.push({ server, sockets });
    server.listen(port, host);
    await once(server, 'listening');
    // A server that listens on a port has an address of this kind, never a path.
    return (server.address() as AddressInfo).port;
  }
}
