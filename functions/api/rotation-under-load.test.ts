import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import { createApiScene } from './api-scene.ts';

const body = { model: 'fake-image', input: { prompt: 'a lighthouse' } };
const openJobsMax = 20;

describe('a key that is rotated under load', () => {
  it.each([0, 3_600])(
    'with an overlap of %i s lets nothing past a limit and leaves no place taken',
    async (overlapSeconds) => {
      const scene = await createApiScene({
        tenant: sampleTenant({ overrides: { open_jobs_max: openJobsMax } }),
      });
      const old = await scene.addKey('tenant-a', tenantScopes);
      const submit = (key: string) => scene.send('submitJob', '/v1/jobs', { key, body });
      const keyId = /^plk_([^_]+)_/.exec(old)?.[1] ?? '';

      const before = Array.from({ length: 16 }, () => submit(old));
      const rotated = await scene.send('rotateKey', `/v1/keys/${keyId}/rotate`, {
        key: old,
        body: { overlap_s: overlapSeconds },
      });
      const fresh = String(rotated.json.key.secret);
      const after = Array.from({ length: 32 }, (_, index) => submit(index % 2 === 0 ? old : fresh));
      const statuses = (await Promise.all([...before, ...after])).map(({ status }) => status);

      const accepted = statuses.filter((status) => status === 202).length;
      const gate = await scene.gates.read('tenant-a');
      expect(statuses.filter((status) => ![202, 401, 429].includes(status))).toEqual([]);
      expect(accepted).toBe(openJobsMax);
      expect(Object.keys(gate?.open ?? {})).toHaveLength(openJobsMax);
      expect((await scene.jobs.count('fake')).waiting).toBe(openJobsMax);
      expect((await submit(fresh)).status).toBe(429);
      // The memory of keys is half a minute long: after that the old one is refused, or not, as its overlap says.
      await scene.clock.advance(31_000);
      expect((await submit(old)).status).toBe(overlapSeconds === 0 ? 401 : 429);
    },
  );
});
