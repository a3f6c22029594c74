import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'webhooks remove',
  summary: 'Delete a webhook; what is on its way to it is given up',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight webhooks remove whe_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('deleteWebhook', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`webhook ${body.id} is deleted`);
    return exitCodes.ok;
  },
});
