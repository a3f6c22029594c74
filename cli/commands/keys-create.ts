import { exitCodes } from '../cli-error.ts';
import type { AskOf } from '../client.ts';
import { defineCommand, durationSeconds } from '../command.ts';
import { accessOf, printSecret, tenantOption } from '../key-commands.ts';
import { modelsOf } from '../tenancy-input.ts';

export const command = defineCommand({
  name: 'keys create',
  summary: 'Create a key',
  takes: [],
  access: accessOf,
  options: {
    ...tenantOption,
    label: { type: 'string', value: 'TEXT', help: 'What the key is for' },
    scope: { type: 'string', multiple: true, value: 'SCOPE', help: 'Such as jobs:read; repeatable' },
    models: { type: 'string', value: 'IDS', help: 'Models it may use, with commas' },
    'expires-in': { type: 'string', value: 'TIME', help: 'How long it works, such as 90d' },
  },
  examples: [
    'pilotlight keys create --label laptop --expires-in 90d',
    'pilotlight keys create --tenant companyA --scope jobs:read --scope jobs:write',
  ],
  async run(session, values) {
    const { client } = session;
    const seconds = durationSeconds('expires-in', values['expires-in']);
    const ask = {
      label: values.label,
      scopes: values.scope.length === 0 ? undefined : values.scope,
      models: values.models === undefined ? undefined : modelsOf(values.models),
      expires_at: seconds === undefined ? undefined : new Date(Date.now() + seconds * 1_000).toISOString(),
    };
    // The API knows the scopes and refuses others.
    const body = ask as AskOf<'createKey'>['body'];
    const answer = await (values.tenant === undefined
      ? client.call('createKey', { body })
      : client.call('adminCreateKey', { params: { id: values.tenant }, body }));
    if (session.json) session.printJson(answer.json);
    else printSecret(session, answer.body.key);
    return exitCodes.ok;
  },
});
