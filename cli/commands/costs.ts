import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { costsView } from '../costs-view.ts';
import type { Session } from '../session.ts';

const options = {
  month: { type: 'string', value: 'MONTH', help: 'Such as 2030-03, in UTC (this month)' },
  close: { type: 'boolean', help: 'Close the month now rather than with the next tick; idempotent' },
} as const;

export const command = defineCommand({
  name: 'costs',
  summary: "Show where a month's instance bill went",
  takes: [],
  access: 'admin',
  options,
  examples: ['pilotlight costs', 'pilotlight costs --month 2030-03'],
  async run(session, { month, close }) {
    const { body, json } = await (close ? closed(session, month) : costsOf(session, month));
    if (session.json) session.printJson(json);
    else session.print(costsView(body));
    return exitCodes.ok;
  },
});

function costsOf(session: Session, month: string | undefined) {
  return session.client.call('adminGetCosts', { query: { month } });
}

function closed(session: Session, month: string | undefined) {
  if (month === undefined) throw usageError('--close needs --month');
  return session.client.call('adminCloseCosts', { query: { month } });
}
