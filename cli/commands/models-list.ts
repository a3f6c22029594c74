import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { modelTable } from '../model-view.ts';

export const command = defineCommand({
  name: 'models list',
  summary: 'List models',
  takes: [],
  options: {},
  examples: ['pilotlight models list', 'pilotlight models list --json'],
  async run(session) {
    const { body, json } = await session.client.call('listModels', {});
    if (session.json) session.printJson(json);
    else session.print(modelTable(body.data));
    return exitCodes.ok;
  },
});
