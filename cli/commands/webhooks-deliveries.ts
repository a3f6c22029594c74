import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { cursorOption, printList } from '../tenancy-input.ts';
import { deliveryTable } from '../webhook-view.ts';

export const command = defineCommand({
  name: 'webhooks deliveries',
  summary: 'List what was sent to a webhook, newest first',
  takes: ['ID'],
  options: cursorOption,
  examples: [
    'pilotlight webhooks deliveries whe_01hzy3v6q8k2m4n6p8r0s2t4v6',
    'pilotlight webhooks deliveries default',
  ],
  async run(session, { cursor }, [id = '']) {
    const read = (next: string | undefined) =>
      session.client.call('listDeliveries', { params: { id }, query: { cursor: next } });
    await printList(session, read, { cursor, none: 'nothing was sent', show: deliveryTable });
    return exitCodes.ok;
  },
});
