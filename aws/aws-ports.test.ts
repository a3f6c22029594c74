import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portsContract } from '#core/ports.contract.ts';
import { startEmulators } from '#local/emulators.ts';
import { createAwsPorts } from './aws-ports.ts';

portsContract('aws adapters on the embedded stack', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'pilotlight-aws-'));
  const emulators = await startEmulators({ dataDir, pools: [] });
  const ports = createAwsPorts(emulators.config);
  return {
    ports,
    clock: ports.clock,
    ids: ports.ids,
    preparePool: async (pool) => emulators.addPool(pool),
    async upload({ url, headers }, body) {
      // The client names the length itself.
      const { 'content-length': _, ...own } = headers;
      return (await fetch(url, { method: 'PUT', headers: own, body: Uint8Array.from(body) })).ok;
    },
    async dispose() {
      ports.close();
      await emulators.close();
      await rm(dataDir, { recursive: true });
    },
  };
});
