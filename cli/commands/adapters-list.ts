import { adapterTable } from '../adapter-view.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'adapters list',
  summary: 'List adapters, oldest first',
  takes: [],
  options: {},
  examples: ['pilotlight adapters list'],
  async run(session) {
    const { body, json } = await session.client.call('listAdapters', {});
    if (session.json) session.printJson(json);
    else if (body.data.length === 0) session.note('no adapters');
    else session.print(adapterTable(body.data));
    return exitCodes.ok;
  },
});
