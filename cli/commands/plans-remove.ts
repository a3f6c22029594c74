import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'plans remove',
  summary: 'Remove a plan that no tenant is on',
  takes: ['NAME'],
  access: 'admin',
  options: {},
  examples: ['pilotlight plans remove studio'],
  async run(session, _values, [name = '']) {
    const { body, json } = await session.client.call('adminDeletePlan', { params: { name } });
    if (session.json) session.printJson(json);
    else session.print(`plan ${body.name} is removed`);
    return exitCodes.ok;
  },
});
