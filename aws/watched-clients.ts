/** For tests: tells which operation of which port sends what, from the one place that every request passes. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { StoragePorts } from '#core/ports/storage.ts';
import type { Clients } from './clients.ts';

export interface Sent {
  /** `port.method`; null: nobody asked. */
  readonly operation: string | null;
  /** Such as `GetItemCommand`. */
  readonly command: string;
  readonly input: object;
}

export interface Watch {
  /** The same ports; what a call of one sends is told under its name, however late it is sent. */
  ports(ports: StoragePorts): StoragePorts;
}

export function watchClients(clients: Clients, tell: (sent: Sent) => void): Watch {
  const operations = new AsyncLocalStorage<string>();
  const told =
    (next: (args: never) => unknown, context: { commandName?: string }) => (args: { input: object }) => {
      const operation = operations.getStore() ?? null;
      tell({ operation, command: String(context.commandName), input: args.input });
      return next(args as never);
    };
  for (const client of [clients.documents, clients.queues, clients.blobs]) {
    // Each client's stack has types of its own for inputs; only what all of them have is read.
    const stack = client.middlewareStack as { add(middleware: unknown, options: object): void };
    stack.add(told, { step: 'initialize', name: 'watch' });
  }
  const watched = (port: string, methods: object) =>
    mapped(methods, (name, method: (...args: unknown[]) => unknown) => {
      return (...args: unknown[]) => operations.run(`${port}.${name}`, () => method(...args));
    });
  return {
    // The same names with functions of the same types in their places.
    ports: (ports) => mapped(ports, watched) as StoragePorts,
  };
}

function mapped(record: object, map: (name: string, value: never) => unknown): unknown {
  const entries = Object.entries(record).map(([name, value]) => [name, map(name, value as never)]);
  return Object.fromEntries(entries);
}
