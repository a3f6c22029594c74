import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { tenantDetails } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'tenants show',
  summary: 'Show a tenant and its limits',
  takes: ['ID'],
  access: 'admin',
  options: {},
  examples: ['pilotlight tenants show companyA'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('adminGetTenant', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(tenantDetails(body));
    return exitCodes.ok;
  },
});
