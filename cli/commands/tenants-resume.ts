import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'tenants resume',
  summary: 'Let a suspended tenant in again',
  takes: ['ID'],
  access: 'admin',
  options: {},
  examples: ['pilotlight tenants resume companyA'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('adminResumeTenant', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`tenant ${body.id} is ${body.status}`);
    return exitCodes.ok;
  },
});
