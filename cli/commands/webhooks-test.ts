import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'webhooks test',
  summary: 'Send a test message; one that gets through enables a disabled webhook',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight webhooks test whe_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('testWebhook', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(`${body.event} ${body.id} is on its way; webhooks deliveries ${id} tells of it`);
    return exitCodes.ok;
  },
});
