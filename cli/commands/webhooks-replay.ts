import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'webhooks replay',
  summary: 'Send a message again, under the same id',
  takes: ['ID', 'DELIVERY'],
  options: {},
  examples: ['pilotlight webhooks replay whe_01hzy3v6q8k2m4n6p8r0s2t4v6 whd_01hzy3v6q8k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '', delivery = '']) {
    const { body, json } = await session.client.call('replayDelivery', { params: { id, delivery } });
    if (session.json) session.printJson(json);
    else session.print(`${body.event} ${body.id} is on its way again`);
    return exitCodes.ok;
  },
});
