/**
 * DynamoDB for the local stack: dynalite on LevelDB, in process, with three measures of our own (all on version 4.0.0,
 * which is pinned):
 * - dynalite writes the index entries first and the item after; a kill in between leaves a job that stands in no line
 *   for ever. Here both go into one LevelDB batch, which is written whole or not at all.
 * - dynalite throws when a client vanishes in mid-request, which would end the whole stack with every killed worker.
 * - a table whose creation was cut short stays `CREATING` for ever; at boot it is made `ACTIVE`.
 *
 * LevelDB's own lock is the lock of the data folder: the kernel drops it with the process, so none is ever stale. Its
 * log is handed to the kernel with every write: a killed process loses nothing, a power cut may lose the last moment.
 */
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { tables } from '#aws/resources.ts';
import { StartError } from '#core/errors.ts';
import { listen } from './listen.ts';

export interface LocalTables {
  readonly endpoint: string;
  close(): Promise<void>;
}

type Done = (error: Error | null, value?: unknown) => void;
type Stored = Record<string, unknown>;

/** What we use of dynalite's store; it ships no types. */
interface Store {
  readonly db: {
    open(): Promise<void>;
    close(done: Done): void;
    batch(operations: readonly Operation[]): Promise<void>;
  };
  readonly tableDb: {
    get(name: string, done: Done): void;
    put(name: string, table: Stored, done: Done): void;
  };
  getItemDb(table: string): {
    put(key: string, item: Stored, done: Done): void;
    del(key: string, done: Done): void;
  };
}

type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Stored }
  | { readonly type: 'del'; readonly key: string };

interface TableSchema extends Stored {
  readonly TableName: string;
  readonly GlobalSecondaryIndexes?: readonly Stored[];
}

interface DynaliteDb {
  create(options: unknown): Store;
  getIndexActions(
    indexes: readonly Stored[],
    existing: Stored | undefined,
    item: Stored | null,
    table: TableSchema,
  ): {
    readonly puts: readonly { readonly index: string; readonly key: string; readonly item: Stored }[];
    readonly deletes: readonly { readonly index: string; readonly key: string }[];
  };
  updateIndexes: (
    store: Store,
    table: TableSchema,
    existing: Stored | undefined,
    item: Stored | null,
    done: (error: Error | null) => void,
  ) => void;
}

const require = createRequire(import.meta.url);
const dynalite: (options: { path: string; createTableMs: number }) => Server = require('dynalite');
const dynaliteDb: DynaliteDb = require('dynalite/db');

makeWritesWhole();

/**
 * Opens the store in `folder` and serves it on the loopback address.
 * @throws StartError `data_in_use`, `data_broken`, `port_in_use`
 */
export async function startLocalTables(folder: string, port: number): Promise<LocalTables> {
  const { server, store } = createServer(folder);
  await open(store, folder);
  await finishTables(store);
  survivePeers(server);
  try {
    const endpoint = await listen(server, port);
    return { endpoint, close: () => close(server) };
  } catch (error) {
    await called((done) => store.db.close(done));
    throw error;
  }
}

/** dynalite keeps its store to itself; the one it creates within this call is caught on the way. */
function createServer(folder: string): { server: Server; store: Store } {
  const { create } = dynaliteDb;
  let store: Store | undefined;
  dynaliteDb.create = (options) => {
    store = create(options);
    return store;
  };
  try {
    const server = dynalite({ path: folder, createTableMs: 0 });
    if (store === undefined) throw new Error('dynalite made no store');
    return { server, store };
  } finally {
    dynaliteDb.create = create;
  }
}

async function open(store: Store, folder: string): Promise<void> {
  try {
    await store.db.open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    throw new StartError(code === 'LEVEL_LOCKED' ? 'data_in_use' : 'data_broken', folder, error);
  }
}

/** Tables are made at boot before anything is served, so one still being made was cut short by a kill. */
async function finishTables(store: Store): Promise<void> {
  for (const { localName } of Object.values(tables)) {
    const table = await called<Stored | undefined>((done) => store.tableDb.get(localName, done));
    if (table === undefined || table.TableStatus === 'ACTIVE') continue;
    const indexes = table.GlobalSecondaryIndexes;
    if (Array.isArray(indexes)) for (const index of indexes) index.IndexStatus = 'ACTIVE';
    await called((done) => store.tableDb.put(localName, { ...table, TableStatus: 'ACTIVE' }, done));
  }
}

/** Replaces `updateIndexes` by one that adds its operations to the item's write, which follows in the same turn. */
function makeWritesWhole(): void {
  dynaliteDb.updateIndexes = (store, table, existing, item, done) => {
    const { TableName, GlobalSecondaryIndexes = [] } = table;
    const { puts, deletes } = dynaliteDb.getIndexActions(GlobalSecondaryIndexes, existing, item, table);
    const place = (index: string, key: string) => `index-global~${TableName}~${index}~${key}`;
    const operations: Operation[] = [
      ...deletes.map(({ index, key }): Operation => ({ type: 'del', key: place(index, key) })),
      ...puts.map(
        ({ index, key, item: value }): Operation => ({ type: 'put', key: place(index, key), value }),
      ),
    ];
    const write = (last: Operation, written: Done) => {
      store.db.batch([...operations, last]).then(
        () => setImmediate(written, null),
        (error) => setImmediate(written, error),
      );
    };
    const items = store.getItemDb(TableName);
    const { put, del } = items;
    items.put = (key, value, written) =>
      write({ type: 'put', key: `item-${TableName}~${key}`, value }, written);
    items.del = (key, written) => write({ type: 'del', key: `item-${TableName}~${key}` }, written);
    try {
      // Puts or deletes the item before it returns.
      done(null);
    } finally {
      items.put = put;
      items.del = del;
    }
  };
}

/** dynalite's own handler throws on a broken request; a vanished client is no fault of the server. */
function survivePeers(server: Server): void {
  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    for (const handler of handlers) handler.call(server, request, response);
    request.removeAllListeners('error');
    request.on('error', () => response.destroy());
  });
}

/** Closing dynalite's server closes its store. */
async function close(server: Server): Promise<void> {
  const closed = called((done) => server.close((error) => done(error ?? null)));
  server.closeAllConnections();
  await closed;
}

function called<T = void>(call: (done: Done) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    // The value is what the one callee of `call` documents; dynalite ships no types to check it by.
    call((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}
