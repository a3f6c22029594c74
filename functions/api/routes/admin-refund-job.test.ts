import { describe, expect, it } from 'vitest';
import { refundLimits } from '#core/limits.ts';
import type { AdminScene } from '../admin-scene.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const counter = 'budget_usd_micros_per_month@203003';

/** A scene with one job that cost 1,250 micro-USD. */
async function setup() {
  const scene = await createAdminScene();
  const id = await scene.submit({ prompt: 'a lighthouse', steps: 50 });
  await scene.finish(id);
  return { scene, id, path: `/admin/v1/tenants/tenant-a/jobs/${id}/refund` };
}

const spent = async (scene: AdminScene) => (await scene.gates.read('tenant-a'))?.counters[counter];
const reason = 'a blurred face';

describe('200', () => {
  it('gives back the charge, to the bill and to the budget', async () => {
    const { scene, id, path } = await setup();
    expect(await spent(scene)).toBe(1_250);

    const got = await scene.ask('adminRefundJob', path, { reason: `  ${reason}  ` });

    expect(got.json).toMatchObject({
      object: 'ledger_entry',
      kind: 'refund',
      job: id,
      month: '2030-03',
      usd_micros: -1_250,
      reason,
    });
    expect(await spent(scene)).toBe(0);
    const key = await scene.addKey('tenant-a', ['usage:read']);
    expect((await scene.send('getUsage', '/v1/usage', { key })).json.total.cost_usd_micros).toBe(0);
  });

  it('answers the first refund when the same is asked again', async () => {
    const { scene, path } = await setup();
    const first = await scene.ask('adminRefundJob', path, { usd_micros: 250, reason });

    const again = await scene.ask('adminRefundJob', path, { usd_micros: 250, reason: 'once more' });

    expect(again.json).toEqual(first.json);
    expect(await spent(scene)).toBe(1_000);
  });

  it('is given to a tenant that was deleted, too: its ledger stays', async () => {
    const { scene, path } = await setup();
    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminRefundJob', path, { reason })).json.usd_micros).toBe(-1_250);
  });
});

describe('400', () => {
  it.each([
    [{}, 'reason'],
    [{ reason: '  ' }, 'reason'],
    [{ reason: 'x'.repeat(refundLimits.reasonCharactersMax + 1) }, 'reason'],
    [{ reason, usd_micros: 0 }, 'usd_micros'],
    [{ reason, usd_micros: -5 }, 'usd_micros'],
    [{ reason, usd_micros: 0.5 }, 'usd_micros'],
    [{ reason, usd_micros: 1_251 }, 'usd_micros'],
    [{ reason, usd: 1 }, 'usd'],
  ])('names the field at fault in %j and gives nothing back', async (body, param) => {
    const { scene, path } = await setup();

    const got = await scene.ask('adminRefundJob', path, body);

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect(await spent(scene)).toBe(1_250);
  });
});

describe('403', () => {
  it('is not for the tenant itself', async () => {
    const { scene, path } = await setup();

    const got = await scene.send('adminRefundJob', path, { body: { reason } });

    expect(got.json.error.code).toBe('missing_scope');
    expect(await spent(scene)).toBe(1_250);
  });
});

describe('404', () => {
  it.each(nobody)('has no job of the tenant %s', async (tenant) => {
    const { scene, id } = await setup();

    const got = await scene.ask('adminRefundJob', `/admin/v1/tenants/${tenant}/jobs/${id}/refund`, {
      reason,
    });

    expect(got.json.error.code).toBe('not_found');
  });

  it.each(['job_00000000000000000000000009', 'x', 'refund.x'])('has no job %s', async (job) => {
    const { scene } = await setup();

    const got = await scene.ask('adminRefundJob', `/admin/v1/tenants/tenant-a/jobs/${job}/refund`, {
      reason,
    });

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('names what was given back before, when another amount is asked', async () => {
    const { scene, path } = await setup();
    await scene.ask('adminRefundJob', path, { usd_micros: 250, reason });

    const got = await scene.ask('adminRefundJob', path, { reason });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: 'The job was refunded before: 250 micro-USD.',
    });
    expect(await spent(scene)).toBe(1_000);
  });

  it('says so of a job that was not charged', async () => {
    const scene = await createAdminScene();
    const id = await scene.submit();

    const got = await scene.ask('adminRefundJob', `/admin/v1/tenants/tenant-a/jobs/${id}/refund`, { reason });

    expect(got.json.error.message).toBe('The job was not charged: there is nothing to give back.');
  });
});
