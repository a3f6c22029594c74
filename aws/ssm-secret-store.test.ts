import {
  DeleteParameterCommand,
  GetParameterCommand,
  ParameterAlreadyExists,
  ParameterNotFound,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { createSsmSecretStore } from './ssm-secret-store.ts';

/** Answers as SSM's reference says; no emulator here has it. */
function ssm() {
  const parameters = new Map<string, string>();
  const asked: Readonly<Record<string, unknown>>[] = [];
  const send = async (command: { input: Record<string, unknown> }) => {
    const { input } = command;
    asked.push(input);
    const value = parameters.get(String(input.Name));
    const fault = { $metadata: {}, message: String(input.Name) };
    if (command instanceof GetParameterCommand) {
      if (value === undefined) throw new ParameterNotFound(fault);
      return { Parameter: { Value: value } };
    }
    if (command instanceof DeleteParameterCommand) {
      if (!parameters.delete(String(input.Name))) throw new ParameterNotFound(fault);
      return {};
    }
    if (value !== undefined && input.Overwrite !== true) throw new ParameterAlreadyExists(fault);
    parameters.set(String(input.Name), String(input.Value));
    return {};
  };
  return { asked, store: createSsmSecretStore({ send: send as unknown as SSMClient['send'] }) };
}

describe('secrets in SSM', () => {
  it('are null before they are made, and stay what they were made', async () => {
    const { store } = ssm();

    expect(await store.read('/p/pepper')).toBeNull();
    expect(await store.create('/p/pepper', 'first')).toBe('created');
    expect(await store.create('/p/pepper', 'second')).toBe('exists');
    expect(await store.read('/p/pepper')).toBe('first');
  });

  it('are replaced only where that is asked for', async () => {
    const { store } = ssm();
    await store.create('/p/key', 'first');

    await store.replace('/p/key', 'second');

    expect(await store.read('/p/key')).toBe('second');
  });

  it('are removed, also where there are none', async () => {
    const { store } = ssm();
    await store.create('/p/key', 'first');

    await store.remove('/p/key');
    await store.remove('/p/key');

    expect(await store.read('/p/key')).toBeNull();
  });

  it('are stored encrypted, and read decrypted', async () => {
    const { store, asked } = ssm();

    await store.create('/p/key', 'first');
    await store.read('/p/key');

    expect(asked.map(({ Type, WithDecryption }) => [Type, WithDecryption])).toEqual([
      ['SecureString', undefined],
      [undefined, true],
    ]);
  });
});
