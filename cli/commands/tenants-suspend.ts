import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'tenants suspend',
  summary: 'Refuse everything a tenant asks, at once',
  takes: ['ID'],
  access: 'admin',
  options: {},
  examples: ['pilotlight tenants suspend companyA'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('adminSuspendTenant', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`tenant ${body.id} is ${body.status}`);
    return exitCodes.ok;
  },
});
