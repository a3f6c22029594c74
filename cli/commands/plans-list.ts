import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { cursorOption, printList } from '../tenancy-input.ts';
import { planTable } from '../tenancy-view.ts';

export const command = defineCommand({
  name: 'plans list',
  summary: 'List plans and their limits',
  takes: [],
  access: 'admin',
  options: cursorOption,
  examples: ['pilotlight plans list'],
  async run(session, { cursor }) {
    await printList(session, (next) => session.client.call('adminListPlans', { query: { cursor: next } }), {
      cursor,
      none: 'no plans',
      show: planTable,
    });
    return exitCodes.ok;
  },
});
