/**
 * The one conformance suite of the storage ports: what `core/ports` promises, one sentence a test. Every family of
 * adapters runs it unchanged, so that a flow tested against memory holds against AWS.
 *
 * A world is made once per suite. Every test uses tenants, pools and jobs of its own, so the world may be a store
 * that others use at the same time.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { adaptersContract } from './adapters.contract.ts';
import { batchesContract } from './batches.contract.ts';
import { dropsContract } from './drops.contract.ts';
import { gatesContract } from './gates.contract.ts';
import { jobsContract } from './jobs.contract.ts';
import { poolsContract } from './pools.contract.ts';
import { blobsContract, keysContract, ledgerContract, tenantsContract } from './records.contract.ts';
import { resultsContract } from './results.contract.ts';
import type { ContractWorld } from './scene.ts';
import { sceneOf } from './scene.ts';
import { streamsContract } from './streams.contract.ts';
import { tenancyContract } from './tenancy.contract.ts';
import { ticketsContract } from './tickets.contract.ts';
import { webhooksContract } from './webhooks.contract.ts';
import { workersContract } from './workers.contract.ts';

export function portsContract(name: string, makeWorld: () => Promise<ContractWorld>): void {
  describe(name, () => {
    let world: ContractWorld | undefined;
    const scene = sceneOf(() => {
      if (world === undefined) throw new Error('the world of this suite could not be made');
      return world;
    });
    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(async () => {
      await world?.dispose();
    });

    tenantsContract(scene);
    keysContract(scene);
    tenancyContract(scene);
    gatesContract(scene);
    jobsContract(scene);
    streamsContract(scene);
    ledgerContract(scene);
    ticketsContract(scene);
    poolsContract(scene);
    workersContract(scene);
    blobsContract(scene);
    resultsContract(scene);
    webhooksContract(scene);
    adaptersContract(scene);
    batchesContract(scene);
    dropsContract(scene);
  });
}
