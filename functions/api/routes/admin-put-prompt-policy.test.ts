import { describe, expect, it } from 'vitest';
import { promptLimits } from '#core/limits.ts';
import { sampleTenant } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/prompt-policy';

describe('200', () => {
  it('sets the whole policy, which counts for the next request, and resets what is left out', async () => {
    const scene = await createAdminScene();

    const set = await scene.ask('adminPutPromptPolicy', path, {
      mode: 'block',
      tokens_max: 40,
      terms: ['lighthouse'],
    });
    expect(set.json).toMatchObject({ mode: 'block', tokens_max: 40, terms: ['lighthouse'], inherited: [] });
    expect((await scene.ask('adminGetPromptPolicy', path)).json).toEqual(set.json);
    expect((await scene.tryKey(scene.key)).json.error.code).toBe('prompt_rejected');

    const reset = await scene.ask('adminPutPromptPolicy', path, {});
    expect(reset.json).toMatchObject({ mode: 'off', tokens_max: null, terms: [] });
    expect(reset.json.inherited).toEqual(['mode', 'tokens_max']);
  });

  it('leaves every other override alone', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ overrides: { steps_max: 9 } }) });

    await scene.ask('adminPutPromptPolicy', path, { mode: 'flag' });

    expect((await scene.tenants.get('tenant-a'))?.overrides).toEqual({ steps_max: 9, prompt_policy: 'flag' });
  });
});

describe('400', () => {
  it.each([
    [{ mode: 'strict' }, 'mode'],
    [{ tokens_max: 0 }, 'tokens_max'],
    [{ tokens_max: 1.5 }, 'tokens_max'],
    [{ terms: 'ass' }, 'terms'],
    [{ terms: ['fine', ''] }, 'terms.1'],
    [{ terms: [' \u200b... '] }, 'terms.0'],
    [{ terms: ['x'.repeat(promptLimits.termCharactersMax + 1)] }, 'terms.0'],
    [{ terms: Array.from({ length: promptLimits.termsMax + 1 }, () => 'x') }, 'terms'],
    [{ words: [] }, 'words'],
  ])('names the field of %j', async (body, param) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminPutPromptPolicy', path, body);

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect(await scene.tenants.get('tenant-a')).toMatchObject({ version: 1 });
  });
});

describe('403', () => {
  it('is the operator’s alone', async () => {
    const scene = await createAdminScene();

    expect((await scene.send('adminPutPromptPolicy', path, { body: {} })).json.error.code).toBe(
      'missing_scope',
    );
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();
    const missing = `/admin/v1/tenants/${encodeURIComponent(id)}/prompt-policy`;

    expect((await scene.ask('adminPutPromptPolicy', missing, {})).status).toBe(404);
  });
});

describe('409', () => {
  it('changes nothing of a deleted tenant', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminPutPromptPolicy', path, {})).json.error.code).toBe('conflict');
  });
});
