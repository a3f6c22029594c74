import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('ends a key of the tenant, the one that asks too', async () => {
    const scene = await createApiScene();
    const key = await scene.addKey('tenant-a', ['keys:write']);

    const other = await scene.send('revokeKey', '/v1/keys/key00001', { key });
    const own = await scene.send('revokeKey', '/v1/keys/key00002', { key });

    expect([other.json.status, own.json.status]).toEqual(['revoked', 'revoked']);
    expect((await scene.send('getLimits', '/v1/limits')).json.error.code).toBe('invalid_api_key');
  });
});

describe('404', () => {
  it("answers to another tenant's key as to a missing one, and leaves it alone", async () => {
    const scene = await createApiScene();
    const key = await scene.addKey('tenant-a', ['keys:write']);
    const theirs = await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const headers = { 'x-request-id': 'same-for-all' };

    const answers = [];
    for (const id of ['key00003', 'key99999', 'a.b']) {
      answers.push(await scene.send('revokeKey', `/v1/keys/${id}`, { key, headers }));
    }

    expect(answers[0]?.status).toBe(404);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await scene.send('getLimits', '/v1/limits', { key: theirs })).status).toBe(200);
  });
});
