import { describe, expect, it } from 'vitest';
import { sampleLedgerEntry, sampleTenant } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/usage';

async function setup() {
  const scene = await createAdminScene();
  await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
  await scene.ledger.append(sampleLedgerEntry());
  await scene.ledger.append(sampleLedgerEntry({ tenantId: 'tenant-b', usdMicros: 5, parts: { compute: 5 } }));
  return scene;
}

describe('200', () => {
  it('tells what each tenant used and what it cost, by tenant when nothing is said', async () => {
    const scene = await setup();

    const got = await scene.ask('adminGetUsage', path);

    expect(got.json.data).toMatchObject([
      { group: { tenant: 'tenant-a' }, jobs: 1, cost_usd_micros: 321 },
      { group: { tenant: 'tenant-b' }, jobs: 1, cost_usd_micros: 5 },
    ]);
    expect(got.json.total).toMatchObject({ jobs: 2, cost_usd_micros: 326 });
  });

  it('comes as CSV with the tenant in front', async () => {
    const scene = await setup();

    const got = await scene.ask('adminGetUsage', `${path}?group_by=day,tenant&format=csv`);

    expect(got.text.split('\r\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^tenant,day,jobs,/),
      expect.stringMatching(/^tenant-a,2030-03-17,1,/),
      expect.stringMatching(/^tenant-b,2030-03-17,1,/),
    ]);
  });
});

describe('400', () => {
  it.each([
    ['?group_by=plan', 'group_by', 'must be some of tenant,day,model,key,tag'],
    ['?from=2030-03-18&to=2030-03-17', 'from', 'must be before `to`'],
  ])('says what is wrong with %s', async (query, param, message) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminGetUsage', path + query);

    expect(got.status).toBe(400);
    expect(got.json.error.details).toEqual([{ path: param, message }]);
  });
});

describe('403', () => {
  it('is for the operator alone: a tenant cannot group by tenant either', async () => {
    const scene = await setup();
    const key = await scene.addKey('tenant-a', ['usage:read']);

    expect((await scene.send('adminGetUsage', path, { key })).json.error.code).toBe('missing_scope');
    expect((await scene.send('getUsage', '/v1/usage?group_by=tenant', { key })).status).toBe(400);
  });
});
