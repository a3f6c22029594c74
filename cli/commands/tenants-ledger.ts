import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { ledgerTable } from '../operations-view.ts';
import { cursorOption, printList } from '../tenancy-input.ts';

export const command = defineCommand({
  name: 'tenants ledger',
  summary: "List the charges and refunds of a tenant's month",
  takes: ['ID'],
  access: 'admin',
  options: {
    month: { type: 'string', value: 'YYYY-MM', help: 'In UTC (this month)' },
    ...cursorOption,
  },
  examples: [
    'pilotlight tenants ledger companyA',
    'pilotlight tenants ledger companyA --month 2030-03 --json',
  ],
  async run(session, { month, cursor }, [id = '']) {
    const read = (next: string | undefined) =>
      session.client.call('adminListLedger', { params: { id }, query: { month, cursor: next } });
    await printList(session, read, { cursor, none: 'no entries', show: ledgerTable });
    return exitCodes.ok;
  },
});
