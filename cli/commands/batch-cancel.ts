import { batchText } from '../batch-view.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'batch cancel',
  summary: 'Cancel a batch; lines that have ended keep their results',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight batch cancel batch_01kajf6wm0k2m4n6p8r0s2t4v6'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('cancelBatch', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(batchText(body));
    return exitCodes.ok;
  },
});
