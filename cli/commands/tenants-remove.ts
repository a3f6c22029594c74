import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'tenants remove',
  summary: 'Delete a tenant; its jobs settle, its ledger stays',
  takes: ['ID'],
  access: 'admin',
  options: {},
  examples: ['pilotlight tenants remove companyA'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('adminDeleteTenant', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`tenant ${body.id} is ${body.status}`);
    return exitCodes.ok;
  },
});
