import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { fleetTable } from '../operations-view.ts';

export const command = defineCommand({
  name: 'fleet',
  summary: 'List the workers of every pool',
  takes: [],
  access: 'admin',
  options: { pool: { type: 'string', value: 'POOL', help: 'Workers of this pool alone' } },
  examples: ['pilotlight fleet', 'pilotlight fleet --pool demo --json'],
  async run(session, { pool }) {
    const { body, json } = await session.client.call('adminListFleet', { query: { pool } });
    if (session.json) session.printJson(json);
    else if (body.data.length === 0) session.note('no workers are up');
    else session.print(fleetTable(body.data));
    return exitCodes.ok;
  },
});
