/**
 * DynamoDB for the local stack: dynalite on LevelDB, in process, with measures of our own (all on version 4.0.0, which
 * is pinned):
 * - dynalite writes the index entries first and the item after; a kill in between leaves a job that stands in no line
 *   for ever. Here both go into one LevelDB batch, which is written whole or not at all.
 * - dynalite throws when a client vanishes in mid-request, which would end the whole stack with every killed worker.
 * - a table whose creation was cut short stays `CREATING` for ever; at boot it is made `ACTIVE`.
 * - dynalite throws when LevelDB cannot write, which would end the whole stack on a full disk. Here such a write is
 *   answered 500, as DynamoDB does, and `write-line.ts` mends the store when there is room again.
 *
 * LevelDB's own lock is the lock of the data folder: the kernel drops it with the process, so none is ever stale. Its
 * log is handed to the kernel with every write: a killed process loses nothing, a power cut may lose the last moment.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { tables } from '#aws/resources.ts';
import { StartError } from '#core/errors.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { isFull } from './full-disk.ts';
import { listen } from './listen.ts';
import type { Operation, WriteLine } from './write-line.ts';
import { createWriteLine } from './write-line.ts';

export interface LocalTablesOptions {
  readonly folder: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
  readonly clock: Clock;
}

export interface LocalTables {
  readonly endpoint: string;
  close(): Promise<void>;
}

type Done = (error: Error | typeof outOfService | null, value?: unknown) => void;
type Stored = Record<string, unknown>;

/** What we use of dynalite's store; it ships no types. */
interface Store {
  readonly db: {
    open(): Promise<void>;
    /** Ends dynalite's use of the store for good; `_original` is LevelDB's own. */
    close: { (done: Done): void; readonly _original: () => Promise<void> };
    batch(operations: readonly Operation[], done?: Done): Promise<void> | undefined;
    put(key: string, value: Stored, done: Done): void;
    del(key: string, done: Done): void;
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

/** What dynalite answers with when a callback brings it: DynamoDB's word for a fault of its own. */
const outOfService = {
  statusCode: 500,
  body: {
    __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError',
    message: 'The store takes no writes at the moment.',
  },
};

/**
 * Opens the store in `folder` and serves it on the loopback address.
 * @throws StartError `data_in_use`, `data_broken`, `data_full`, `port_in_use`
 */
export async function startLocalTables(options: LocalTablesOptions): Promise<LocalTables> {
  const { server, store } = createServer(options.folder);
  await open(store, options.folder);
  await finishTables(store);
  survivePeers(server);
  const pause = pausable(server);
  const line = guardWrites(store, options, pause);
  try {
    const endpoint = await listen(server, options.port);
    return {
      endpoint,
      async close() {
        await line.close();
        // Whoever hung up left its request to the store, which must not be gone under it.
        await pause(() => close(server));
      },
    };
  } catch (error) {
    await line.close();
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
    if (isFull(cause)) throw new StartError('data_full', folder, error);
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
      store.db.batch([...operations, last], written);
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

/** Every write of dynalite goes through one line, which a failed one closes until the store is mended. */
function guardWrites(store: Store, options: LocalTablesOptions, pause: Pause): WriteLine {
  const { db } = store;
  const batch = db.batch.bind(db);
  const line = createWriteLine({
    ...options,
    store: async (operations) => batch(operations),
    // Nobody reads while the store is closed; on failure it stays so, and the next try opens it.
    reopen: () =>
      pause(async () => {
        await db.close._original();
        await db.open();
      }),
  });
  const write = (operations: readonly Operation[], done: Done) => {
    line.write(operations).then(
      () => setImmediate(done, null),
      () => setImmediate(done, outOfService),
    );
  };
  db.put = (key, value, done) => write([{ type: 'put', key, value }], done);
  db.del = (key, done) => write([{ type: 'del', key }], done);
  db.batch = (operations, done = () => undefined) => {
    write(operations, done);
    return undefined;
  };
  return line;
}

type Pause = (act: () => Promise<void>) => Promise<void>;

/** Runs an act between requests: those under way end first, and those that come are answered 500 until it succeeded. */
function pausable(server: Server): Pause {
  const handlers = server.listeners('request');
  const underWay = new Set<ServerResponse>();
  let isPaused = false;
  let idle = (): void => undefined;
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (isPaused) {
      request.resume();
      response.writeHead(outOfService.statusCode, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify(outOfService.body));
      return;
    }
    const ended = () => {
      underWay.delete(response);
      if (underWay.size === 0) idle();
    };
    underWay.add(response);
    // A client that is gone takes its connection away and not what it asked for, if that came whole.
    response.once('close', () => request.complete || ended());
    response.end = new Proxy(response.end, {
      apply(end, own, given) {
        ended();
        return Reflect.apply(end, own, given);
      },
    });
    for (const handler of handlers) handler.call(server, request, response);
  });
  return async (act) => {
    isPaused = true;
    if (underWay.size > 0) {
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    }
    await act();
    isPaused = false;
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
