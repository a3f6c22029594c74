import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { cursorOption, printList } from '../tenancy-input.ts';
import { tenantTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'tenants list',
  summary: 'List tenants',
  takes: [],
  access: 'admin',
  options: cursorOption,
  examples: ['pilotlight tenants list', 'pilotlight tenants list --json'],
  async run(session, { cursor }) {
    await printList(session, (next) => session.client.call('adminListTenants', { query: { cursor: next } }), {
      cursor,
      none: 'no tenants',
      show: tenantTable,
    });
    return exitCodes.ok;
  },
});
