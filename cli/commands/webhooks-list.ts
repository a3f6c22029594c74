import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { webhookTable } from '../webhook-view.ts';

export const command = defineCommand({
  name: 'webhooks list',
  summary: 'List webhooks, without their secrets',
  takes: [],
  options: {},
  examples: ['pilotlight webhooks list'],
  async run(session) {
    const { body, json } = await session.client.call('listWebhooks', {});
    if (session.json) session.printJson(json);
    else if (body.data.length === 0) session.note('no webhooks');
    else session.print(webhookTable(body.data));
    return exitCodes.ok;
  },
});
