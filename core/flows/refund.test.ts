import { describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { balanceOf } from '../billing/ledger.ts';
import { sampleLedgerEntry } from '../samples.ts';
import { refund } from './refund.ts';

const charge = sampleLedgerEntry();
const { tenantId, month, jobId } = charge;

async function setup() {
  const world = await createFlowWorld();
  await world.ledger.append(charge);
  const entries = async () => (await world.ledger.list(tenantId, month)).items;
  return { world, entries };
}

describe('a refund', () => {
  it('gives back the whole charge as an entry of its own and leaves the charge as it was', async () => {
    const { world, entries } = await setup();

    const outcome = await refund(world, { tenantId, month, jobId, usdMicros: null });

    expect(outcome).toMatchObject({ kind: 'refunded', entry: { kind: 'refund', usdMicros: -321, gpuMs: 0 } });
    expect(await world.ledger.charge(tenantId, month, jobId)).toEqual(charge);
    expect(await entries()).toHaveLength(2);
    expect(balanceOf(await entries())).toBe(0);
  });

  it('happens once, also when 16 ask at once', async () => {
    const { world, entries } = await setup();

    const outcomes = await Promise.all(
      Array.from({ length: 16 }, () => refund(world, { tenantId, month, jobId, usdMicros: 21 })),
    );

    expect(outcomes.filter(({ kind }) => kind === 'refunded')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'refunded_before')).toHaveLength(15);
    expect(balanceOf(await entries())).toBe(300);
  });

  it('never gives back more than was charged', async () => {
    const { world, entries } = await setup();

    expect(await refund(world, { tenantId, month, jobId, usdMicros: 322 })).toEqual({
      kind: 'above_charge',
      chargedUsdMicros: 321,
    });
    expect(await entries()).toEqual([charge]);
  });

  it('of another tenant’s job, or of one that cost nothing, finds no charge', async () => {
    const { world } = await setup();
    const free = sampleLedgerEntry({ jobId: 'job_free', usdMicros: 0, parts: { compute: 0 } });
    await world.ledger.append(free);

    expect(await refund(world, { tenantId: 'tenant-b', month, jobId, usdMicros: 1 })).toEqual({
      kind: 'no_charge',
    });
    expect(await refund(world, { tenantId, month, jobId: 'job_free', usdMicros: null })).toEqual({
      kind: 'no_charge',
    });
  });
});
