import { batchText, exitCodeOf, followBatch } from '../batch-view.ts';
import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'batch show',
  summary: 'Show a batch and how far it came',
  takes: ['ID'],
  options: { watch: { type: 'boolean', help: 'Follow it until it ends; exit code 1 when a line failed' } },
  examples: ['pilotlight batch show batch_01kajf6wm0k2m4n6p8r0s2t4v6 --watch'],
  async run(session, { watch }, [id = '']) {
    const { body, json } = await session.client.call('getBatch', { params: { id } });
    const batch = watch ? await followBatch(session, body) : body;
    if (session.json) session.printJson(watch ? batch : json);
    else session.print(batchText(batch));
    return watch ? exitCodeOf(batch) : exitCodes.ok;
  },
});
