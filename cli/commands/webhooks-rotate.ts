import { exitCodes } from '../cli-error.ts';
import { defineCommand, durationSeconds } from '../command.ts';
import { newWebhookDetails } from '../webhook-view.ts';

export const command = defineCommand({
  name: 'webhooks rotate',
  summary: 'Replace the secret; the old one signs too until the overlap ends',
  takes: ['ID'],
  options: {
    overlap: { type: 'string', value: 'TIME', help: 'How long the old secret goes on; 0 ends it now (24h)' },
  },
  examples: [
    'pilotlight webhooks rotate whe_01hzy3v6q8k2m4n6p8r0s2t4v6 --overlap 1h',
    'pilotlight webhooks rotate default',
  ],
  async run(session, { overlap }, [id = '']) {
    const overlap_s = durationSeconds('overlap', overlap);
    const { body, json } = await session.client.call('rotateWebhook', {
      params: { id },
      body: overlap_s === undefined ? {} : { overlap_s },
    });
    if (session.json) session.printJson(json);
    else session.print(newWebhookDetails(body));
    session.note('keep the secret now: it is shown this once');
    return exitCodes.ok;
  },
});
