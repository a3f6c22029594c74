/**
 * The conformance suite of the ports against an emulator that is not ours: whatever an adapter asks of AWS is understood by two
 * that know nothing of one another. What it answers otherwise than AWS stands in docs/emulator.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { createAwsPorts } from '#aws/aws-ports.ts';
import { createBlobClient } from '#aws/clients.ts';
import { dropsOf } from '#aws/drops-under-test.ts';
import { portsContract } from '#core/contract/ports.contract.ts';
import { startEmulator } from './emulator.ts';
import { pythonWithMinistack } from './python-with-ministack.ts';
import { makeStores } from './stores.ts';

const { python, reason } = pythonWithMinistack();

describe.skipIf(python === null)(`the AWS adapters on ministack (${reason})`, () => {
  portsContract('keep what ports promise', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pilotlight-emulator-'));
    const emulator = await startEmulator({ python: python ?? '', folder });
    const stores = await makeStores(emulator);
    const { clock, ids, log: _, close, ...ports } = createAwsPorts(stores.config);
    return {
      ports,
      clock,
      ids,
      preparePool: (pool) => stores.addPool(pool),
      ...dropsOf(createBlobClient(stores.config), stores.config.bucket),
      async upload({ url, headers }, body) {
        // The client names the length itself.
        const { 'content-length': _length, ...own } = headers;
        return (await fetch(url, { method: 'PUT', headers: own, body: Uint8Array.from(body) })).ok;
      },
      async dispose() {
        close();
        stores.close();
        await emulator.close();
        await rm(folder, { recursive: true });
      },
    };
  });
});
