import { describe, expect, it } from 'vitest';
import { samplePlan, sampleTenant } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/prompt-policy';

describe('200', () => {
  it('says what counts and what of it is the plan’s', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ plan: 'studio' }) });
    const limits = { weight: 1, open_jobs_max: 5, prompt_policy: 'flag', prompt_tokens_max: 40 } as const;
    await scene.plans.put(samplePlan({ limits }));

    expect((await scene.ask('adminGetPromptPolicy', path)).json).toEqual({
      object: 'prompt_policy',
      tenant: 'tenant-a',
      mode: 'flag',
      tokens_max: 40,
      terms: [],
      inherited: ['mode', 'tokens_max'],
    });
  });

  it('lets what is the tenant’s own win over the plan', async () => {
    const tenant = sampleTenant({ plan: 'studio', overrides: { prompt_policy: 'off' }, promptTerms: ['a'] });
    const scene = await createAdminScene({ tenant });
    const limits = { weight: 1, open_jobs_max: 5, prompt_policy: 'flag', prompt_tokens_max: 40 } as const;
    await scene.plans.put(samplePlan({ limits }));

    expect((await scene.ask('adminGetPromptPolicy', path)).json).toMatchObject({
      mode: 'off',
      tokens_max: 40,
      terms: ['a'],
      inherited: ['tokens_max'],
    });
  });

  it('still tells the policy of a deleted tenant', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminGetPromptPolicy', path)).status).toBe(200);
  });
});

describe('403', () => {
  it('is the operator’s alone', async () => {
    const scene = await createAdminScene();

    expect((await scene.send('adminGetPromptPolicy', path)).json.error.code).toBe('missing_scope');
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();
    const missing = `/admin/v1/tenants/${encodeURIComponent(id)}/prompt-policy`;

    expect((await scene.ask('adminGetPromptPolicy', missing)).status).toBe(404);
  });
});
