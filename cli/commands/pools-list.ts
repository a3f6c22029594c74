import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { poolTable } from '../operations-view.ts';

export const command = defineCommand({
  name: 'pools list',
  summary: 'List pools: state, work and workers',
  takes: [],
  access: 'admin',
  options: {},
  examples: ['pilotlight pools list'],
  async run(session) {
    const { body, json } = await session.client.call('adminListPools', {});
    if (session.json) session.printJson(json);
    else session.print(poolTable(body.data));
    return exitCodes.ok;
  },
});
