import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'aliases remove',
  summary: 'Remove an alias',
  takes: ['MODEL:NAME'],
  access: 'admin',
  options: {},
  examples: ['pilotlight aliases remove z-image-turbo:stable'],
  async run(session, _values, [id = '']) {
    const [family = '', name = '', ...rest] = id.split(':');
    if (family === '' || name === '' || rest.length > 0) {
      throw usageError(`MODEL:NAME is expected, not "${id}"`);
    }
    const { body, json } = await session.client.call('adminDeleteAlias', { params: { family, name } });
    if (session.json) session.printJson(json);
    else session.print(`alias ${body.id} is removed`);
    return exitCodes.ok;
  },
});
