import { batchTable } from '../batch-view.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand, wholeNumber } from '../command.ts';

export const command = defineCommand({
  name: 'batch list',
  summary: 'List batches, newest first',
  takes: [],
  options: {
    limit: { type: 'string', value: 'N', help: 'Batches on a page (20)' },
    after: { type: 'string', value: 'ID', help: 'Where the page before ended' },
  },
  examples: ['pilotlight batch list'],
  async run(session, { limit, after }) {
    const { body, json } = await session.client.call('listBatches', {
      query: { limit: wholeNumber('limit', limit), after },
    });
    if (session.json) session.printJson(json);
    else if (body.data.length === 0) session.note('no batches');
    else session.print(batchTable(body.data));
    if (body.has_more) session.note(`more: --after ${body.last_id}`);
    return exitCodes.ok;
  },
});
