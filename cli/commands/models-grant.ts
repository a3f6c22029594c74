import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { modelsOf } from '../tenancy-input.ts';
import { modelsText } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'models grant',
  summary: 'Set the models that a tenant may use',
  takes: ['TENANT', 'MODELS'],
  access: 'admin',
  options: {},
  examples: ['pilotlight models grant companyA pilotlight-shapes', 'pilotlight models grant companyA all'],
  async run(session, _values, [id = '', models = '']) {
    const { body, json } = await session.client.call('adminSetGrants', {
      params: { id },
      body: { models: modelsOf(models) },
    });
    if (session.json) session.printJson(json);
    else session.print(`tenant ${body.id} may use: ${modelsText(body.models)}`);
    return exitCodes.ok;
  },
});
