/**
 * Ports of single tenants: a listener each, on the same handler, that lets in no key but the tenant's. Kept in
 * `tenant-ports.json`, so that a tenant finds its port again after every start.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import type { Log } from '#core/ports/process.ts';
import type { TenantPorts } from '#functions/api/api-deps.ts';
import type { Gateway, GatewayOptions } from './gateway.ts';
import { startGateway } from './gateway.ts';
import { readJson, writePrivately } from './private-file.ts';

const fileSchema = z.record(z.string(), z.int());
const fileName = 'tenant-ports.json';
/** A tenant that is deleted has no more to ask; a long poll of it is cut off. */
const closeMs = 100;

export interface LocalTenantPorts extends TenantPorts {
  /** Listens on every port that is kept. @throws StartError `port_in_use`, with the tenant and the file */
  start(handler: GatewayOptions['handler']): Promise<void>;
  /** Closes every listener and keeps the ports. */
  stop(): Promise<void>;
}

interface Door {
  readonly port: number;
  readonly gateway: Gateway;
}

export function createTenantPorts({ dataDir, log }: { dataDir: string; log: Log }): LocalTenantPorts {
  const path = join(dataDir, fileName);
  const doors = new Map<string, Door>();
  let handler: GatewayOptions['handler'] | null = null;
  /** One change at a time: each writes the whole file. */
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = last.then(change, change);
    last = turn;
    return turn;
  }

  async function listen(tenantId: string, port: number): Promise<void> {
    if (handler === null) throw new Error('no port opens before the handler is there');
    doors.set(tenantId, { port, gateway: await startGateway({ handler, port, log, tenantId }) });
  }

  function save(): Promise<void> {
    return writePrivately(
      path,
      Object.fromEntries([...doors].map(([tenantId, { port }]) => [tenantId, port])),
    );
  }

  return {
    portOf: (tenantId) => doors.get(tenantId)?.port ?? null,

    open: (tenantId, port) =>
      inTurn(async () => {
        const known = doors.get(tenantId);
        if (known !== undefined) return known.port === port ? 'opened' : 'taken';
        try {
          await listen(tenantId, port);
        } catch (error) {
          if (error instanceof StartError && error.code === 'port_in_use') return 'taken';
          throw error;
        }
        await save();
        return 'opened';
      }),

    close: (tenantId) =>
      inTurn(async () => {
        const door = doors.get(tenantId);
        if (door === undefined) return;
        doors.delete(tenantId);
        await save();
        await door.gateway.close(closeMs);
      }),

    async start(given) {
      handler = given;
      const kept = (await readJson(path, fileSchema)) ?? {};
      for (const [tenantId, port] of Object.entries(kept)) {
        try {
          await listen(tenantId, port);
        } catch (error) {
          if (!(error instanceof StartError)) throw error;
          throw new StartError(error.code, `${port} is the port of tenant ${tenantId}, by ${path}.`, error);
        }
      }
    },

    async stop() {
      await Promise.all([...doors.values()].map(({ gateway }) => gateway.close()));
    },
  };
}
