import { describe, expect, it } from 'vitest';
import { withSecrets } from './ssm-secrets.ts';

const env = { PILOTLIGHT_KEY_PEPPER_PARAMETER: '/p/key-pepper', PILOTLIGHT_TABLE: 'main' };
const stored = async () => new Map([['/p/key-pepper', 'from SSM']]);

describe('withSecrets', () => {
  it('reads the parameter that is named into its variable', async () => {
    expect(await withSecrets(env, stored)).toEqual({ ...env, PILOTLIGHT_KEY_PEPPER: 'from SSM' });
  });

  it('asks for nothing where no parameter is named', async () => {
    const never = async () => {
      throw new Error('was asked');
    };
    const plain = { PILOTLIGHT_TABLE: 'main', PILOTLIGHT_KEY_PEPPER: 'given' };

    expect(await withSecrets(plain, never)).toEqual(plain);
    expect(
      await withSecrets({ ...plain, PILOTLIGHT_KEY_PEPPER_PARAMETER: '/p/key-pepper' }, never),
    ).toMatchObject({
      PILOTLIGHT_KEY_PEPPER: 'given',
    });
  });

  it('names every parameter that is not there, and no value', async () => {
    const asked = { ...env, PILOTLIGHT_WEBHOOK_KEY_PARAMETER: '/p/webhook-key' };

    const refused = withSecrets(asked, stored);

    await expect(refused).rejects.toThrow('PILOTLIGHT_WEBHOOK_KEY: there is no parameter /p/webhook-key');
    await expect(refused).rejects.not.toThrow(/from SSM|key-pepper/);
  });
});
