import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { modelDetails } from '../model-view.ts';

export const command = defineCommand({
  name: 'models show',
  summary: 'Show a model and what it takes',
  takes: ['ID'],
  options: {},
  examples: ['pilotlight models show pilotlight-shapes'],
  async run(session, _values, [id = '']) {
    const { body, json } = await session.client.call('getModel', { params: { id } });
    if (session.json) session.printJson(json);
    else session.print(modelDetails(body));
    return exitCodes.ok;
  },
});
