import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { cursorOption, printList } from '../tenancy-input.ts';
import { aliasTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'aliases list',
  summary: 'List aliases and their versions',
  takes: [],
  access: 'admin',
  options: cursorOption,
  examples: ['pilotlight aliases list'],
  async run(session, { cursor }) {
    await printList(session, (next) => session.client.call('adminListAliases', { query: { cursor: next } }), {
      cursor,
      none: 'no aliases',
      show: aliasTable,
    });
    return exitCodes.ok;
  },
});
