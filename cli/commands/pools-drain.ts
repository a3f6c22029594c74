/**
 * Work that waits lights fresh workers when the old ones are gone, so a drain alone replaces them. After `pools pause`
 * nothing does until `pools resume`.
 */
import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { poolDetails } from '../operations-view.ts';

export const command = defineCommand({
  name: 'pools drain',
  summary: 'Let batches end and every worker go',
  takes: ['POOL'],
  access: 'admin',
  options: {},
  examples: ['pilotlight pools drain demo'],
  async run(session, _values, [pool = '']) {
    const { body, json } = await session.client.call('adminDrainPool', { params: { pool } });
    if (session.json) session.printJson(json);
    else session.print(poolDetails(body));
    return exitCodes.ok;
  },
});
