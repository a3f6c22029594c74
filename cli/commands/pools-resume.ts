import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { poolDetails } from '../operations-view.ts';

export const command = defineCommand({
  name: 'pools resume',
  summary: 'End a pause',
  takes: ['POOL'],
  access: 'admin',
  options: {},
  examples: ['pilotlight pools resume demo'],
  async run(session, _values, [pool = '']) {
    const { body, json } = await session.client.call('adminResumePool', { params: { pool } });
    if (session.json) session.printJson(json);
    else session.print(poolDetails(body));
    return exitCodes.ok;
  },
});
