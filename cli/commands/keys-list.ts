import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { accessOf, readKeys, tenantOption } from '../key-commands.ts';
import { cursorOption, printList } from '../tenancy-input.ts';
import { keyTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'keys list',
  summary: 'List keys, without their secrets',
  takes: [],
  access: accessOf,
  options: { ...tenantOption, ...cursorOption },
  examples: ['pilotlight keys list', 'pilotlight keys list --tenant companyA'],
  async run(session, { tenant, cursor }) {
    await printList(session, (next) => readKeys(session, tenant, next), {
      cursor,
      none: 'no keys',
      show: keyTable,
    });
    return exitCodes.ok;
  },
});
