import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { poolDetails } from '../operations-view.ts';

export const command = defineCommand({
  name: 'pools pause',
  summary: 'Accept jobs and start none; batches under way end',
  takes: ['POOL'],
  access: 'admin',
  options: {},
  examples: ['pilotlight pools pause demo'],
  async run(session, _values, [pool = '']) {
    const { body, json } = await session.client.call('adminPausePool', { params: { pool } });
    if (session.json) session.printJson(json);
    else session.print(poolDetails(body));
    return exitCodes.ok;
  },
});
