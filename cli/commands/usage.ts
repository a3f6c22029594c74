import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { usageTable } from '../usage-view.ts';

const options = {
  from: { type: 'string', value: 'DAY', help: 'First day, in UTC (the first of the month of --to)' },
  to: { type: 'string', value: 'DAY', help: 'Last day, in UTC (today)' },
  by: {
    type: 'string',
    value: 'GROUPS',
    help: 'Some of day, model, key, tag, with commas (day); with tenant, of all tenants',
  },
  csv: { type: 'boolean', help: 'Print CSV with a header' },
} as const;

export const command = defineCommand({
  name: 'usage',
  summary: 'Show what was used and what it cost',
  takes: [],
  access: ({ by }) => (isOfAll(by) ? 'admin' : 'tenant'),
  options,
  examples: [
    'pilotlight usage',
    'pilotlight usage --from 2030-03-01 --to 2030-03-31 --by day,model',
    'pilotlight usage --by tag --csv',
    'pilotlight usage --by tenant,day --csv',
  ],
  async run(session, values) {
    const query = { from: values.from, to: values.to, group_by: values.by };
    const { body, json } = await session.client.call(isOfAll(values.by) ? 'adminGetUsage' : 'getUsage', {
      query,
    });
    if (session.json) {
      session.printJson(json);
      return exitCodes.ok;
    }
    // Loaded late, as everything of the API is: help needs none of it.
    const { usageCsv, usageGroupBy } = await import('#core/api/usage-resource.ts');
    const groupBy = usageGroupBy(values.by ?? 'day');
    if (values.csv) session.print(usageCsv(body, groupBy).trimEnd());
    else if (body.data.length === 0) session.note('nothing was used');
    else session.print(usageTable(body, groupBy));
    return exitCodes.ok;
  },
});

/** Other tenants are the operator's to see: whoever groups by tenant asks as the operator. */
function isOfAll(by: string | undefined): boolean {
  return by?.split(',').includes('tenant') ?? false;
}
