import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { promptPolicyDetails } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'prompt-policy show',
  summary: "Show a tenant's prompt policy",
  takes: ['TENANT'],
  access: 'admin',
  options: {},
  examples: ['pilotlight prompt-policy show companyA', 'pilotlight prompt-policy show companyA --json'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('adminGetPromptPolicy', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(promptPolicyDetails(body));
    return exitCodes.ok;
  },
});
