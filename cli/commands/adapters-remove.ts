import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'adapters remove',
  summary: 'Delete an adapter and its file; jobs that wait for it fail, uncharged',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight adapters remove adapter_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('deleteAdapter', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`adapter ${body.id} is deleted`);
    return exitCodes.ok;
  },
});
